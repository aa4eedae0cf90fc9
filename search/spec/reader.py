"""A study file and its overrides in, a `StudySpec` out; or every problem at once."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from search.errors import Problem, StudyFileError
from search.spec.catalogue import Catalogue
from search.spec.checks import check_study
from search.spec.findings import Findings
from search.spec.locations import locate_keys
from search.spec.overrides import apply_overrides, parse_overrides
from search.spec.sections import StudySpec
from search.spec.space import normalized_space, normalized_study
from search.spec.tables import deepest_path, read_tables
from search.spec.wording import show

RESULT = "result"
"""The table in which an exported study file tells what its study found: for people and other programs, not read."""

_DEEPEST = 12
_MOST_BYTES, _LONGEST_CHAIN = 4 * 2**20, 64
_CHAIN = re.compile(rf"""(?<![\w-])(?:(?:[\w-]++|"[^"\n]*"|'[^'\n]*')[ \t]*+\.[ \t]*+){{{_LONGEST_CHAIN}}}""")
"""A key such as `a.b.c` of very many parts, each of which `tomllib` looks up again for the next: minutes of it."""
_SYNTAX_ERROR = re.compile(r"(?P<reason>.*) \(at (?:line (?P<line>\d+), column (?P<column>\d+)|end of document)\)")


def read_study(path: Path, catalogue: Catalogue, overrides: Sequence[str] = ()) -> StudySpec:
    """Read and validate a study file.

    Args:
        path: The file, as the user named it; problems are reported under this name.
        catalogue: Every technique, family and other name that the file may use.
        overrides: `table.key=value`, as given with `--set`, in order; a later one wins.

    Raises:
        StudyFileError: The file cannot be read, or is no valid study; it holds every problem found.
    """
    try:
        if (n_bytes := path.stat().st_size) > _MOST_BYTES:
            message = f"expected a study file of at most {_MOST_BYTES // 2**20} MiB, received one of {n_bytes:,} bytes"
            raise StudyFileError(Problem(str(path), message, "Data has files of its own, which [data] names."))
        text = path.read_bytes().decode()
    except (OSError, ValueError) as error:
        _, malformed = parse_overrides(overrides)
        raise StudyFileError([_unreadable(path, error), *malformed]) from error
    return parse_study(text, str(path), catalogue, overrides)


def parse_study(text: str, place: str, catalogue: Catalogue, overrides: Sequence[str] = ()) -> StudySpec:
    """Validate the text of a study file.

    Args:
        text: TOML.
        place: What the text is called in problems: the path of its file.
        catalogue: Every technique, family and other name that the text may use.
        overrides: `table.key=value`, as given with `--set`, in order; a later one wins.

    Raises:
        StudyFileError: The text is no valid study; it holds every problem found.
    """
    changes, malformed = parse_overrides(overrides)
    text = text.removeprefix("\ufeff")  # the byte order mark that some editors of Windows write
    if deep := _CHAIN.search(text):
        line = text.count("\n", 0, deep.start()) + 1
        message = f"expected keys of at most {_LONGEST_CHAIN} parts, received a longer one"
        raise StudyFileError([Problem(f"{place}:{line}", message), *malformed])
    try:
        document = tomllib.loads(text)
        lines = locate_keys(text)
    except (ValueError, RecursionError) as error:
        raise StudyFileError([_no_toml(text, place, error), *malformed]) from error
    if not document:
        empty = Problem(place, "expected a study, received an empty file", "The README shows one.")
        raise StudyFileError([empty, *malformed])
    if isinstance(document.get(RESULT), dict):
        del document[RESULT]
    malformed += apply_overrides(document, changes)
    findings = Findings(place, lines, changes)
    tables = _read(document, catalogue, findings)
    if problems := findings.problems() + malformed:
        raise StudyFileError(problems)
    return StudySpec(**tables)


def read_result(path: Path) -> dict[str, Any]:
    """What an exported study file tells in [result]; nothing for other files.

    Args:
        path: A file that `read_study` has read.
    """
    found = tomllib.loads(path.read_bytes().decode().removeprefix("\ufeff")).get(RESULT)
    return found if isinstance(found, dict) else {}


def place_in_study(path: Path, overrides: Sequence[str], *key: str) -> str:
    """Where a key of a study that was read stands: `studies/moons.toml:14 [space.dropout]`, or its `--set`.

    For problems that show only when the study meets its data.

    Args:
        path: The file.
        overrides: As they were given to `read_study`.
        key: Table and key, or a table alone.
    """
    changes, _ = parse_overrides(overrides)
    lines = locate_keys(path.read_bytes().decode().removeprefix("\ufeff"))
    return Findings(str(path), lines, changes).locate(key, key)[1]


def _read(document: dict[str, Any], catalogue: Catalogue, findings: Findings) -> dict[str, Any]:
    if deep := deepest_path(document, _DEEPEST):
        findings.add(deep, f"expected at most {_DEEPEST} levels of nesting, received more")
        return {}
    tables = read_tables(document, findings, catalogue.splitters)
    check_study(tables, catalogue, findings)
    if not findings.problems():
        tables["space"] = normalized_space(tables["space"], catalogue)
        tables["study"] = normalized_study(tables["study"], catalogue)
    return tables


def _unreadable(path: Path, error: OSError | ValueError) -> Problem:
    place = str(path)
    if isinstance(error, UnicodeDecodeError):
        line = error.object.count(b"\n", 0, error.start) + 1
        received = f"the byte 0x{error.object[error.start]:02x}"
        return Problem(f"{place}:{line}", f"expected text in UTF-8, received {received}", "Save the file as UTF-8.")
    if isinstance(error, IsADirectoryError):
        return Problem(place, "expected a study file, received a directory")
    if isinstance(error, FileNotFoundError):
        return Problem(place, "expected a study file, received a path where there is none", _nearby(path))
    reason = error.strerror if isinstance(error, OSError) else str(error)
    return Problem(place, f"expected a study file that can be read, received: {reason}")


def _nearby(path: Path) -> str:
    try:
        names = [file.name for file in path.parent.glob("*.toml")]
    except OSError:
        return ""
    nearest = difflib.get_close_matches(path.name, names, n=1)
    # Whole, however long: half a path helps nobody.
    return f'Did you mean "{path.with_name(nearest[0])}"?' if nearest else ""


def _no_toml(text: str, place: str, error: ValueError | RecursionError) -> Problem:
    match = _SYNTAX_ERROR.fullmatch(str(error))
    if match is None:
        reason = "too deep a nesting" if isinstance(error, RecursionError) else "a number too long to read"
        return Problem(place, f"expected a TOML document, received {reason}")
    lines = text.split("\n")
    number = int(match["line"] or len(text.rstrip().split("\n")))
    at = f" at column {match['column']}" if match["column"] else " at the end of the file"
    reason = match["reason"]
    if reason == "Invalid value" and match["column"]:
        at += '; text stands in quotes, as in sampler = "tpe"'
    elif reason.startswith(("Cannot overwrite", "Cannot declare", "Duplicate")):
        reason, at = "This name is given twice", ""
    message = f"expected TOML, received {show(lines[number - 1].strip())}"
    return Problem(f"{place}:{number}", message, f"{reason}{at}.")
