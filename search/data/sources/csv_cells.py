"""The cells of a CSV file, column by column.

pandas is not asked: it fills short lines and drops long ones without telling. What the cells mean, `csv_file` tells.
"""

from __future__ import annotations

import codecs
import csv
import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from search.data.machine import check_fits, in_gib
from search.data.wording import count, quote
from search.errors import DataError, Problem
from search.spec.sections import DataSection

Array = npt.NDArray[Any]

SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "bars"}
"""What separates cells where commas do not, and what that is called."""

FIRST = 3
"""Problems of one kind that are spelled out; the others are counted."""

_CELLS_PER_BLOCK, _FEWEST_ROWS = 20_000, 32
"""Read at once: as `str` they fit into a processor's cache, which made reading three times as fast."""
_LINE = re.compile(r"[^\r\n]*(?:\r\n?|\n)|[^\r\n]+")
_HALF_A_LETTER = re.compile("[\ud800-\udfff]")
"""What some encodings (`utf-7`, `unicode_escape`) give and no text holds."""
_TEXT = np.dtypes.StringDType()

_BYTES_OF_A_CELL, _COPIES_OF_A_FILE = 64, 3
"""A cell as text, as a number and as an input; and a file as bytes and as text."""
_SMALLER = "Save fewer rows or columns, or arrays as npz."


@dataclass(frozen=True, eq=False)
class Cells:
    """Cells without surrounding blanks.

    Args:
        header: Those of the first line.
        separator: What separates them.
        lines: Where each row begins in the file, from 1, shape (rows,).
        columns: The rows' cells, shape (rows,) each, dtype `StringDType`: a short one takes 16 bytes, and a `str` 60.
    """

    header: list[str]
    separator: str
    lines: npt.NDArray[np.int64]
    columns: list[Array]


def read_cells(path: Path, section: DataSection, place: str) -> tuple[Cells, list[str], list[Problem]]:
    """The cells of a file, what the user should know of it, and a problem for each of its first ragged lines.

    Raises:
        DataError: It is no CSV file, or would take more memory than there is for it.
    """
    shown, notes = str(section.path), list[str]()
    text = read_text(path, shown, place, section.encoding)
    separator = section.separator or ","
    if section.separator is None and (found := _separator_of(text)):
        separator = found
        notes.append(f'"{shown}" is separated by {SEPARATORS[found]}.')
    n_cells = text.count(separator) + text.count("\n")
    check_fits(_BYTES_OF_A_CELL * n_cells, f'"{shown}" of {count(n_cells, "cell")}', place, _SMALLER)
    records = _records(text, separator, shown)
    _, header = next(records, (0, []))
    if not header:
        raise DataError(Problem(place, f'expected a header line and rows in "{shown}", received an empty file'))
    lines, columns, ragged = _read_columns(records, len(header))
    if not len(lines) and not ragged:
        raise DataError(Problem(place, f'expected rows below the header of "{shown}", received a header only'))
    problems = [
        Problem(f"{shown}:{line}", f"expected {len(header)} fields, received {number}")
        for line, number in ragged[:FIRST]
    ]
    if len(ragged) > FIRST:
        problems.append(Problem(shown, f"and {count(len(ragged) - FIRST, 'more line')} with another number of fields"))
    return Cells([cell.strip() for cell in header], separator, lines, columns), notes, problems


def read_text(path: Path, shown: str, place: str, encoding: str | None) -> str:
    """The letters of a file.

    Args:
        path: The file.
        shown: How errors name it.
        place: Where it was named, for errors.
        encoding: As the study says; None for UTF-8, or UTF-16 where the file says so.

    Raises:
        DataError: It cannot be read, is not in that encoding, or is too large; the `__cause__` of a wrong encoding is a
            `UnicodeError`.
    """
    try:
        n_bytes = path.stat().st_size
        check_fits(_COPIES_OF_A_FILE * n_bytes, f'"{shown}" of {in_gib(n_bytes)}', place, _SMALLER)
        content = path.read_bytes()
        if encoding is None:
            encoding = encoding_of(content)
        text = content.decode(encoding)
        if not text.isascii() and _HALF_A_LETTER.search(text):
            text.encode()  # says which
    except OSError as error:
        message = f'expected a file that can be read, received "{shown}": {error.strerror}'
        raise DataError(Problem(place, message)) from error
    except LookupError as error:
        message = f"expected the name of an encoding, received {quote(encoding)}"
        raise DataError(Problem(place, message, 'Write encoding = "utf-8" or "cp1252", for example.')) from error
    except UnicodeError as error:
        raise DataError(_explain_encoding(error, shown, encoding)) from error
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        raise DataError(Problem(f"{shown}:{line}", "expected text in UTF-8, received a zero byte"))
    return text


def encoding_of(content: bytes) -> str:
    """How text is written that does not say it: in Unicode."""
    return "utf-16" if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig"


def _explain_encoding(error: UnicodeError, shown: str, encoding: str | None) -> Problem:
    called = "UTF-8" if encoding == "utf-8-sig" else encoding
    if not isinstance(error, UnicodeDecodeError):
        return Problem(shown, f"expected text in {called}, received {error}")
    line = error.object[: error.start].count(b"\n") + 1
    message = f"expected text in {called}, received byte 0x{error.object[error.start]:02x}"
    remedy = 'Save the file as UTF-8, or name its encoding, as in data.encoding = "cp1252".'
    return Problem(f"{shown}:{line}", message, remedy)


def _separator_of(text: str) -> str | None:
    """What separates the header line where no comma does; None where one does, or nothing shows it."""
    header = next((line for line in _lines(text) if line.strip()), "")
    if "," in re.sub(r'"[^"]*"', "", header):
        return None
    return next((mark for mark in SEPARATORS if mark in header), None)


def _lines(text: str) -> Iterator[str]:
    """Lines with their ends. (`io.StringIO` would hold four bytes a letter, `str.splitlines` ends lines at more.)"""
    return (match.group() for match in _LINE.finditer(text))


def _records(text: str, separator: str, shown: str) -> Iterator[tuple[int, list[str]]]:
    """The line where each record begins, and its cells; blank lines are none."""
    reader = csv.reader(_lines(text), delimiter=separator, strict=True)
    start = 1
    try:
        for record in reader:
            if record:
                yield start, record
            start = reader.line_num + 1
    except csv.Error as error:
        raise DataError(Problem(f"{shown}:{start}", f"expected well-formed CSV, received: {error}")) from error


def _read_columns(
    records: Iterator[tuple[int, list[str]]], n_columns: int
) -> tuple[npt.NDArray[np.int64], list[Array], list[tuple[int, int]]]:
    """Where rows begin, and their columns; and where other records do, with their number of cells.

    Records are taken some thousands at a time: as lists of `str` all of them would take many times the file.
    """
    lines, ragged = [np.empty(0, np.int64)], list[tuple[int, int]]()
    parts: list[list[Array]] = [[np.empty(0, _TEXT)] for _ in range(n_columns)]
    n_rows = max(_FEWEST_ROWS, _CELLS_PER_BLOCK // n_columns)
    while block := list(itertools.islice(records, n_rows)):
        ragged += [(line, len(record)) for line, record in block if len(record) != n_columns]
        rows = [(line, record) for line, record in block if len(record) == n_columns]
        lines.append(np.array([line for line, _ in rows], np.int64))
        for part, cells in zip(parts, zip(*(record for _, record in rows), strict=True), strict=False):
            part.append(np.array(list(map(str.strip, cells)), _TEXT))
    parts.reverse()
    columns = [np.concatenate(parts.pop()) for _ in range(n_columns)]  # what is done with is given back at once
    return np.concatenate(lines), columns, ragged
