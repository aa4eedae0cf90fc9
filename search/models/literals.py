"""Values as Python source that reads well: a text stays a text, whatever stands in it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

_LONGEST_LINE = 100


def literal(value: Any, width: int = _LONGEST_LINE) -> str:
    """A text, number, list or dictionary as an expression; those that are longer than a line take several.

    Args:
        value: Texts, numbers and None, and lists, tuples and dictionaries of them.
        width: What is left of the first line.
    """
    if isinstance(value, str):
        # Characters that cannot be seen (line breaks, marks of direction) are escaped, as repr does.
        return json.dumps(value, ensure_ascii=False) if value.isprintable() else repr(value)
    if isinstance(value, Mapping):
        entries = [f"{literal(key)}: {literal(each, _LONGEST_LINE - 8)}" for key, each in value.items()]
        return _enclosed("{", entries, "}", width)
    if isinstance(value, list | tuple):
        opening, closing = "[]" if isinstance(value, list) else "()"
        entries = [literal(each, _LONGEST_LINE - 8) for each in value]
        if isinstance(value, tuple) and len(entries) == 1:
            return f"({entries[0]},)"
        return _enclosed(opening, entries, closing, width)
    return repr(value)


def constant(name: str, value: Any) -> str:
    """The statement that binds a value to a name."""
    return f"{name} = {literal(value, _LONGEST_LINE - len(name) - 3)}"


def _enclosed(opening: str, entries: list[str], closing: str, width: int) -> str:
    line = f"{opening}{', '.join(entries)}{closing}"
    if len(line) <= width and "\n" not in line:
        return line
    lines = "".join(_lines(entries) if opening != "{" else (_line(entry) for entry in entries))
    return f"{opening}\n{lines}{closing}"


def _lines(entries: list[str]) -> Iterator[str]:
    """Short entries beside one another, each of several lines by itself."""
    line = ""
    for entry in entries:
        if line and ("\n" in line + entry or len(line) + len(entry) > _LONGEST_LINE - 7):
            yield _line(line)
            line = ""
        line = f"{line}, {entry}" if line else entry
    yield _line(line)


def _line(entry: str) -> str:
    return f"    {entry},\n".replace("\n", "\n    ").removesuffix("    ")
