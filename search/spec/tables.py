"""The tables of a document as sections: names, presence, types and bounds of their keys.

pydantic decides what is valid; every error is worded here from the section's own fields, so that none of
pydantic's sentences reaches a user. A key that is wrong is set aside and the rest of its table is still read:
the checks that follow see as much of the study as can be understood.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import ValidationError

from search.spec.findings import Findings
from search.spec.locations import Path
from search.spec.sections import Choices, Range, Section, SplitSection, StudySpec, Validation
from search.spec.wording import (
    alternatives,
    did_you_mean,
    dotted,
    expected,
    literals,
    nearest,
    neighbours,
    quoted,
    show,
)

SectionT = TypeVar("SectionT", bound=Section)


def read_tables(
    document: Mapping[str, Any], findings: Findings, splitters: Mapping[str, type[Validation]] | None = None
) -> dict[str, Any]:
    """Read every table of a study but the cross-references between them.

    Args:
        document: The tables as `tomllib` gives them, overrides in place.
        findings: Where problems are noted.
        splitters: Method of `split.validation` to the class of its table; None takes any method with any options.

    Returns:
        Table name to its section, [space] as a dictionary of entries. After a problem a section holds what
        could be read and defaults for the rest; a table that cannot be read at all is absent.
    """
    _check_values((), document, findings)
    for table in document:
        if table not in StudySpec.model_fields:
            _refuse_table(table, findings)
    tables: dict[str, Any] = {}
    for table, field in StudySpec.model_fields.items():
        raw = document.get(table)
        if table not in document:
            if table == "space" and _searches_own(document):
                tables[table] = {}
            elif field.is_required():
                findings.add((table,), f"expected the table [{table}], received none", f"Add [{table}].")
            elif isinstance(field.annotation, type):
                tables[table] = field.annotation()
        elif findings.has((table,)):
            continue
        elif not isinstance(raw, dict):
            findings.add((table,), f"expected a table, received {show(raw)}")
        elif table == "space":
            tables[table] = _read_space(raw, findings)
        elif table == "split" and "validation" in raw:
            validation = _read_validation(raw["validation"], ("split", "validation"), findings, splitters)
            tables[table] = read_section(SplitSection, raw | {"validation": validation}, (table,), findings)
        elif isinstance(field.annotation, type) and issubclass(field.annotation, Section):
            tables[table] = read_section(field.annotation, raw, (table,), findings)
    return tables


def _searches_own(document: Mapping[str, Any]) -> bool:
    """Whether the model fills [space] with what it brings of its own."""
    model = document.get("model")
    return isinstance(model, dict) and model.get("own") == "search"


def read_section(kind: type[SectionT], raw: Mapping[str, Any], path: Path, findings: Findings) -> SectionT:
    """Read one table; every key that is unknown, missing or wrong is noted.

    Returns:
        The section; when something was noted, one in which the keys concerned have their defaults, or None
        where there is no default.
    """
    known = {key: _freeze(value, path, key) for key, value in raw.items() if key in kind.model_fields}
    for key in raw:
        if key not in known:
            _refuse_key(kind, (*path, key), findings)
    try:
        section = kind.model_validate(known)
    except ValidationError as error:
        wrong = {str(fault["loc"][0]) for fault in error.errors()}
        for key in kind.model_fields:
            if key in wrong:
                _refuse_value(kind, key, known.get(key), (*path, key), findings)
        blank = {key: None for key, field in kind.model_fields.items() if field.is_required()}
        return kind.model_construct(**(blank | {k: v for k, v in known.items() if k not in wrong}))
    return section


def accepts(kind: type[Section], key: str, value: Any) -> bool:
    """Whether a key of a section may hold this value."""
    try:
        kind.model_validate({key: value})
    except ValidationError as error:
        return all(fault["loc"][0] != key for fault in error.errors())
    return True


def section_of(table: str) -> type[Section]:
    """The section class of a table other than [space]."""
    kind = StudySpec.model_fields[table].annotation
    if not (isinstance(kind, type) and issubclass(kind, Section)):
        raise KeyError(table)
    return kind


def deepest_path(value: Any, limit: int, path: Path = ()) -> Path | None:
    """Where a document is nested more than `limit` levels deep; None when it is nowhere."""
    if limit < 0:
        return path
    if isinstance(value, dict):
        inner = ((entry, (*path, key)) for key, entry in value.items())
    elif isinstance(value, list):
        inner = ((entry, path) for entry in value)
    else:
        return None
    found = (deepest_path(entry, limit - 1, below) for entry, below in inner)
    return next((deep for deep in found if deep is not None), None)


def _check_values(path: Path, value: Any, findings: Findings) -> None:
    """Refuse what TOML can write and no key of a study can hold, wherever it stands."""
    if isinstance(value, dict):
        for key, inner in value.items():
            _check_text((*path, key), key, findings)
            _check_values((*path, key), inner, findings)
    elif isinstance(value, list):
        for inner in value:
            _check_values(path, inner, findings)
    elif isinstance(value, str):
        _check_text(path, value, findings)
    elif isinstance(value, float):
        if not math.isfinite(value):
            findings.add(path, f"expected a finite number, received {show(value)}")
    elif isinstance(value, int):
        if not -(2**63) <= value < 2**63:
            findings.add(path, f"expected a number of at most 64 bits, received {show(value)}")
    elif value is not None:
        remedy = "Text that looks like a date stands in quotes."
        findings.add(path, f"expected no date or time, received {show(value)}", remedy)


def _check_text(path: Path, text: str, findings: Findings) -> None:
    # PostgreSQL keeps neither the character NUL nor the lone surrogates of an undecodable argument.
    if "\0" in text or any("\ud800" <= letter <= "\udfff" for letter in text):
        findings.add(path, f"expected Unicode text without the character NUL, received {show(text)}")


def _freeze(value: Any, path: Path, key: str) -> Any:
    """Lists as tuples, so that a section cannot change; a function gets its `options` as they were written."""
    if (*path, key) == ("data", "options"):
        return value
    return tuple(_freeze(entry, (), "") for entry in value) if isinstance(value, list) else value


def _read_validation(raw: Any, path: Path, findings: Findings, splitters: Mapping[str, type[Validation]] | None) -> Any:
    methods = "a method" if splitters is None else f"method = {quoted(splitters)}"
    if not isinstance(raw, dict):
        remedy = "" if not isinstance(raw, str) else f'Write {{ method = "{raw}" }}.'
        findings.add(path, f"expected a table with {methods}, received {show(raw)}", remedy)
        return raw
    method = raw.get("method")
    if isinstance(method, str) and splitters is None:
        return Validation.model_validate({key: _freeze(value, path, key) for key, value in raw.items()})
    if isinstance(method, str) and splitters is not None and method in splitters:
        return read_section(splitters[method], raw, path, findings)
    received = show(method) if "method" in raw else "no method"
    findings.add((*path, "method"), f"expected {methods}, received {received}", did_you_mean(method, splitters or ()))
    return None


def _read_space(raw: Mapping[str, Any], findings: Findings) -> dict[str, Range | Choices]:
    entries: dict[str, Range | Choices] = {}
    for name, value in raw.items():
        path = ("space", name)
        if not isinstance(value, dict):
            listed = value if isinstance(value, list) else [value]
            findings.add(
                path,
                f"expected a table with low and high, or with choices, received {show(value)}",
                f"Write {{ choices = {show(listed)} }}.",
            )
        elif value and all(isinstance(inner, dict) for inner in value.values()):
            first = next(iter(value))
            findings.add(
                path,
                f"expected a table with low and high, or with choices, received the table {dotted([first])}",
                f'A name with a dot stands in quotes: space."{name}.{first}".',
            )
        elif "choices" in value:
            entries[name] = read_section(Choices, value, path, findings)
        else:
            entries[name] = read_section(Range, value, path, findings)
    return {
        name: entry
        for name, entry in entries.items()
        if not any(findings.touches(("space", name, key)) for key in type(entry).model_fields)
    }


def _refuse_table(name: str, findings: Findings) -> None:
    tables = list(StudySpec.model_fields)
    message = f"expected one of the tables {alternatives(tables)}, received {show(name)}"
    findings.add((name,), message, did_you_mean(name, tables) or _belongs(name))


def _refuse_key(kind: type[Section], path: Path, findings: Findings) -> None:
    keys = list(kind.model_fields)
    message = f"expected one of the keys {alternatives(keys)}, received {show(path[-1])}"
    remedy = did_you_mean(path[-1], keys) or _belongs(path[-1])
    if kind is Choices and path[-1] in Range.model_fields:
        remedy = "Give either low and high, or choices."
    findings.add(path, message, remedy)


def _belongs(key: str) -> str:
    """Where a key that stands in a wrong place belongs, or one that is spelled nearly like it."""
    homes: dict[str, list[str]] = {}
    for table in StudySpec.model_fields.keys() - {"space"}:
        for name in section_of(table).model_fields:
            homes.setdefault(name, []).append(f"[{table}]")
    if key in homes:
        return f"It belongs in {alternatives(sorted(homes[key]))}."
    name = nearest(key, homes)
    return f'Did you mean "{name}" of {alternatives(sorted(homes[name]))}?' if name else ""


def _refuse_value(kind: type[Section], key: str, value: Any, path: Path, findings: Findings) -> None:
    if not findings.touches(path):
        wanted = expected(kind.model_fields[key])
        findings.add(path, f"expected {wanted}, received {show(value)}", _hint(kind, key, value))


def _hint(kind: type[Section], key: str, value: Any) -> str:
    for candidate in neighbours(value):
        if accepts(kind, key, candidate):
            return f"Did you mean {show(candidate)}?"
    if type(value) is int and accepts(kind, key, str(value)):
        return f'In quotes it is text: "{value}".'
    return did_you_mean(value, literals(kind.model_fields[key].annotation))
