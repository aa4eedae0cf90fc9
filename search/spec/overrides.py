"""`--set table.key=value`: one value of a study file, given on the command line."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from search.errors import Problem
from search.spec.locations import Path, read_key
from search.spec.wording import dotted, shorten, show


@dataclass(frozen=True)
class Override:
    """One `--set`.

    Args:
        text: The argument as it was given.
        path: The keys that lead to the value.
        value: What the value is to be.
    """

    text: str
    path: Path
    value: Any

    @property
    def place(self) -> str:
        """The override as a problem names it."""
        return _place(self.text)


def parse_overrides(texts: Iterable[str]) -> tuple[list[Override], list[Problem]]:
    """The overrides in the order given, and what is wrong with those that cannot be read."""
    overrides: list[Override] = []
    problems: list[Problem] = []
    for text in texts:
        parsed = _parse_override(text)
        if isinstance(parsed, Problem):
            problems.append(parsed)
        else:
            overrides.append(parsed)
    return overrides, problems


def apply_overrides(document: dict[str, Any], overrides: Iterable[Override]) -> list[Problem]:
    """Put the values into the document, in order; what cannot be put there is told.

    Args:
        document: The tables of a study file, changed in place.
        overrides: What to replace. Tables that the path leads through are made when they are missing.
    """
    problems: list[Problem] = []
    for override in overrides:
        table = document
        for depth, key in enumerate(override.path[:-1], start=1):
            inner = table.setdefault(key, {})
            if not isinstance(inner, dict):
                message = f"expected a table at {dotted(override.path[:depth])}, received {show(inner)}"
                problems.append(Problem(override.place, message, "Set the table as a whole."))
                break
            table = inner
        else:
            table[override.path[-1]] = override.value
    return problems


def _place(text: str) -> str:
    return f"--set {shorten(text)}"


def _parse_override(text: str) -> Override | Problem:
    start = len(text) - len(text.lstrip())
    key = read_key(text, start)
    if key is None or not text[key[1] :].lstrip().startswith("="):
        remedy = 'A name of more than letters, digits, "_" and "-" stands in quotes, as in space."dense_2.l1".low=1e-5.'
        if "=" not in text:
            remedy = "Write the value behind an equals sign, as in training.epochs=100."
        return Problem(_place(text), f"expected table.key=value, received {show(text)}", remedy)
    path, end = key
    written = text[end:].lstrip()[1:].strip()
    # Inside an inline table a comment or a second pair cannot slip in behind the value.
    try:
        parsed = tomllib.loads(f"inline = {{ value = {written} }}")
    except (ValueError, RecursionError):
        parsed = {}
    inline = parsed.get("inline", {})
    if len(parsed) == 1 and inline.keys() == {"value"}:
        return Override(text, path, inline["value"])
    if written.startswith(("{", "[", '"', "'")):
        remedy = "Tables, lists and quoted text are written as in the study file."
        return Problem(_place(text), f"expected a TOML value after the =, received {show(written)}", remedy)
    return Override(text, path, written)
