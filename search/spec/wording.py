"""How the reader says what it expected and what came: `expected ..., received ...`, in TOML's notation."""

from __future__ import annotations

import difflib
import re
import types
from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import annotated_types
from pydantic import BaseModel
from pydantic.fields import FieldInfo

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_LONGEST = 80


def show(value: Any) -> str:
    """A value as TOML writes it, on one line, shortened when it is long; None is `nothing`."""
    try:
        return "nothing" if value is None else shorten(as_toml(value).as_string())
    except RecursionError:
        return "a deeply nested value"


def as_toml(value: Any) -> Any:
    """The `tomlkit` item of a value, on one line: tables are inline, tuples are arrays, null is empty text."""
    import tomlkit
    from tomlkit.items import Float, Trivia

    if isinstance(value, BaseModel):  # the division of a splitter, as it was read
        value = value.model_dump()
    if isinstance(value, Mapping):
        table = tomlkit.inline_table()
        table.update({key: as_toml(entry) for key, entry in value.items()})
        return table
    if isinstance(value, (list, tuple)):
        array = tomlkit.array()
        array.extend(as_toml(entry) for entry in value)
        return array
    if isinstance(value, float):
        return Float(value, Trivia(), re.sub(r"e([+-])0*", lambda e: "e" + e[1].strip("+"), repr(value)))
    if isinstance(value, str):
        return tomlkit.string(value.encode("utf-8", "replace").decode())
    return tomlkit.item("" if value is None else value)


def shorten(text: str) -> str:
    """A text on one line, with its middle left out when it is long."""
    line = "".join(letter if letter.isprintable() else "\ufffd" for letter in text)
    if len(line) <= _LONGEST:
        return line
    return f"{line[: _LONGEST - 20]} ... {line[-15:]}"


def dotted(path: Iterable[str]) -> str:
    """A path as a TOML key: `space."dense_2.kernel_l1".low`."""
    return ".".join(part if _BARE_KEY.fullmatch(part) else show(part) for part in path)


def alternatives(names: Iterable[str]) -> str:
    """`a`, `a or b`, `a, b or c`."""
    *others, last = names
    return f"{', '.join(others)} or {last}" if others else last


def quoted(names: Iterable[str]) -> str:
    """The names as TOML strings, as alternatives."""
    return alternatives([f'"{name}"' for name in names])


def nearest(name: Any, known: Iterable[str]) -> str:
    """The known name that is spelled most like `name`; an empty string when none is near."""
    if not isinstance(name, str):
        return ""
    folded = {candidate.lower(): candidate for candidate in sorted(known)}
    near = difflib.get_close_matches(name.lower()[:_LONGEST], folded, n=1)
    return folded[near[0]] if near else ""


def did_you_mean(name: Any, known: Iterable[str]) -> str:
    """`Did you mean "epochs"?` with the nearest of the known names, or an empty string."""
    near = nearest(name, known)
    return f'Did you mean "{near}"?' if near else ""


def neighbours(value: Any) -> Iterator[float | int | bool]:
    """What may have been meant by a number or text that is refused: `"5"`, `-3`, `30` for 30 percent."""
    if isinstance(value, str):
        unquoted: dict[str, float | int | bool] = {"true": True, "false": False}
        for convert in (int, float):
            try:
                unquoted[value] = unquoted.get(value, convert(value))
            except ValueError:
                continue
        if value in unquoted:
            yield unquoted[value]
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        if isinstance(value, float) and value.is_integer():
            yield int(value)
        yield from (abs(value), value / 10, value / 100)


def expected(field: FieldInfo) -> str:
    """What a key of a section takes, in words: `a whole number of at least 1`."""
    if isinstance(field.json_schema_extra, dict) and "expected" in field.json_schema_extra:
        return str(field.json_schema_extra["expected"])
    return _expected(field.annotation, field.metadata)


def literals(kind: Any) -> list[str]:
    """The texts that an annotation lists."""
    if get_origin(kind) is Literal:
        return list(get_args(kind))
    return [text for member in get_args(kind) for text in literals(member)]


def _expected(kind: Any, constraints: Iterable[Any]) -> str:
    origin = get_origin(kind)
    if origin is Annotated:
        inner, *added = get_args(kind)
        return _expected(inner, [c for a in added for c in (a.metadata if isinstance(a, FieldInfo) else [a])])
    if origin in (Union, types.UnionType):
        members = [_expected(m, constraints) for m in get_args(kind) if m is not types.NoneType]
        covered = {"a whole number"} if "a number" in members else set()
        return ", or ".join(member for member in dict.fromkeys(members) if member not in covered)
    if origin is Literal:
        return quoted(get_args(kind))
    if origin is tuple:
        least = "non-empty " if any(isinstance(c, annotated_types.MinLen) for c in constraints) else ""
        return f"a {least}list of {_plural(_expected(get_args(kind)[0], []))}"
    if origin is dict or (isinstance(kind, type) and issubclass(kind, BaseModel)):
        return "a table"
    nouns = {int: "a whole number", float: "a number", str: "text", bool: "true or false"}
    return " ".join([nouns.get(kind, "a value"), *_bounds(constraints)])


def _bounds(constraints: Iterable[Any]) -> list[str]:
    words: list[str] = []
    for constraint in constraints:
        match constraint:
            case annotated_types.Gt(gt=low):
                words.append(f"above {low}")
            case annotated_types.Ge(ge=low):
                words.append(f"of at least {low}")
            case annotated_types.Lt(lt=high):
                words.append(f"below {high}")
            case annotated_types.Le(le=high):
                words.append(f"of at most {high}")
            case _:
                continue
    return [" and ".join(words)] if words else []


def _plural(phrase: str) -> str:
    return phrase.removeprefix("a ").replace("number", "numbers").replace("value", "values")
