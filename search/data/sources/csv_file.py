"""`csv`: a table with a header line, read as text first so that nothing is converted in silence."""

from __future__ import annotations

import csv
import dataclasses
import functools
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from search.data.sources.raw import LARGEST, RawData, find_file, hint_at_file, to_frame
from search.data.targets import is_coded
from search.data.wording import count, keep_first, quote, quote_names, suggest_name
from search.errors import DataError, Problem
from search.spec import SourceForm
from search.spec.sections import DataSection, TaskName

Array = npt.NDArray[Any]

FORM = SourceForm(
    form="csv",
    matches=lambda text: text == "csv",
    needs=("path", "target"),
    takes=("columns", "drop", "separator", "decimal"),
    hint=functools.partial(hint_at_file, "csv"),
)

# The texts that pandas.read_csv takes for missing by default, as its documentation lists them.
MISSING = frozenset(
    {"", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "1.#IND", "1.#QNAN", "<NA>", "N/A", "NA", "n/a"}
    | {"-NaN", "-nan", "NaN", "nan", "NULL", "null", "None"}
)
_DECIMAL_COMMA = re.compile(r"[+-]?\d*,\d+(?:[eE][+-]?\d+)?")
_WHOLE = re.compile(r"[+-]?\d+(?:[eE][+-]?\d+)?")
_SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "bars"}
_FIRST = 3  # problems of one kind that are spelled out; the others are counted


@dataclass(frozen=True)
class _Sheet:
    """Cells without surrounding blanks: `rows[i]` stands at line `lines[i]` (from 1) of the file `shown`."""

    shown: str
    separator: str
    header: list[str]
    lines: list[int]
    rows: list[list[str]]

    def column(self, name: str) -> list[str]:
        position = self.header.index(name)
        return [row[position] for row in self.rows]

    def cell(self, row: int, name: str) -> str:
        """A cell in words for an error."""
        text = self.rows[row][self.header.index(name)]
        if not text:
            return "an empty cell"
        return quote(text if len(text) <= 40 else f"{text[:37]}...")


def read_rows(section: DataSection, folder: Path, place: str) -> RawData:
    """Read a UTF-8 file with a header line; blank lines are skipped, and so is an index column that pandas wrote.

    Raises:
        DataError: With line and column of the first problems of each kind.
    """
    path = find_file(section.path, folder, place)
    sheet, notes, problems = _read_sheet(path, section, place)
    sheet, of_index = _without_index(sheet)
    targets = _find_targets(section, sheet, place)
    problems = [*problems, *_check_header(sheet)]
    if problems:
        raise DataError(keep_first(problems))
    features = _find_features(section, sheet, targets, place)
    columns: dict[str, Array] = {}
    with_commas = []
    for name in (*features, *targets):
        task = section.task if name in targets else None
        marked = _has_decimal_commas(sheet, name, section.decimal)
        if marked:
            with_commas.append(name)
        columns[name], found = _read_column(sheet, name, may_mix=task == "classification", decimal_comma=marked)
        problems.extend(found)
    if problems:
        raise DataError(keep_first(problems))
    if with_commas and section.decimal is None:
        notes.append(f"Decimal commas were read in {quote_names(with_commas)}.")
    target, of_target = _read_target([columns[name] for name in targets], targets, section.task, place)
    frame = to_frame({name: columns[name] for name in features})
    return RawData(frame, target, tuple(targets), (*notes, *of_index, *of_target))


def _read_sheet(path: Path, section: DataSection, place: str) -> tuple[_Sheet, list[str], list[Problem]]:
    """The cells of a file, what the user should know of it, and a problem for each of its first ragged lines.

    pandas is not asked: it fills short lines and drops long ones without telling.
    """
    shown = str(section.path)
    text = _read_text(path, shown, place)
    separator, notes = section.separator or ",", list[str]()
    if section.separator is None and (found := _separator_of(text)):
        separator = found
        notes.append(f'"{shown}" is separated by {_SEPARATORS[found]}.')
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    header: list[str] = []
    lines, rows, ragged = [], [], []
    start = 1
    try:
        for record in reader:
            cells = [cell.strip() for cell in record]
            if not header:
                header = cells
            elif len(cells) == len(header):
                lines.append(start)
                rows.append(cells)
            elif cells:
                ragged.append((start, len(cells)))
            start = reader.line_num + 1
    except csv.Error as error:
        raise DataError(Problem(f"{shown}:{start}", f"expected well-formed CSV, received: {error}")) from error
    if not header:
        raise DataError(Problem(place, f'expected a header line and rows in "{shown}", received an empty file'))
    if not rows and not ragged:
        raise DataError(Problem(place, f'expected rows below the header of "{shown}", received a header only'))
    problems = [
        Problem(f"{shown}:{line}", f"expected {len(header)} fields, received {number}")
        for line, number in ragged[:_FIRST]
    ]
    if len(ragged) > _FIRST:
        problems.append(Problem(shown, f"and {count(len(ragged) - _FIRST, 'more line')} with another number of fields"))
    return _Sheet(shown, separator, header, lines, rows), notes, problems


def _separator_of(text: str) -> str | None:
    """What separates the header line where no comma does; None where one does, or nothing shows it."""
    header = next((line for line in text.splitlines() if line.strip()), "")
    if "," in re.sub(r'"[^"]*"', "", header):
        return None
    return next((mark for mark in _SEPARATORS if mark in header), None)


def _without_index(sheet: _Sheet) -> tuple[_Sheet, tuple[str, ...]]:
    """The cells without a first column that has no name and numbers the rows, as pandas writes its index."""
    if sheet.header[0] or len(sheet.header) < 2:
        return sheet, ()
    numbers = [row[0] for row in sheet.rows]
    if not all(number.isdecimal() for number in numbers) or len(set(numbers)) < len(numbers):
        return sheet, ()
    rest = dataclasses.replace(sheet, header=sheet.header[1:], rows=[row[1:] for row in sheet.rows])
    return rest, ("The first column has no name and numbers the rows, as pandas writes its index: it is left out.",)


def _find_features(section: DataSection, sheet: _Sheet, targets: Sequence[str], place: str) -> list[str]:
    """The names of the columns to learn from."""
    asked = {"columns": section.columns or (), "drop": section.drop or ()}
    problems = [
        Problem(
            place,
            f'expected {key} to name columns of "{sheet.shown}", received {quote(name)}',
            suggest_name(name, sheet.header),
        )
        for key, names in asked.items()
        for name in names
        if name not in sheet.header
    ]
    problems += [
        Problem(place, f"expected {key} without the target, received {quote(name)}")
        for key, names in asked.items()
        for name in names
        if name in targets
    ]
    if problems:
        raise DataError(problems)
    chosen = [name for name in section.columns or sheet.header if name not in (*targets, *(section.drop or ()))]
    if not chosen:
        raise DataError(Problem(place, f'expected a column of "{sheet.shown}" to learn from, received none'))
    return list(dict.fromkeys(chosen))


def _has_decimal_commas(sheet: _Sheet, name: str, decimal: str | None) -> bool:
    """Whether a column's numbers have decimal commas; where commas separate fields, they may mark thousands instead."""
    if decimal is not None or sheet.separator == ",":
        return decimal == ","
    cells = [cell for cell in sheet.column(name) if cell not in MISSING]
    with_comma = [cell for cell in cells if _DECIMAL_COMMA.fullmatch(cell)]
    return bool(with_comma) and all(_WHOLE.fullmatch(cell) or _DECIMAL_COMMA.fullmatch(cell) for cell in cells)


def _read_text(path: Path, shown: str, place: str) -> str:
    try:
        content = path.read_bytes()
        text = content.decode("utf-8-sig")
    except OSError as error:
        raise DataError(
            Problem(place, f'expected a file that can be read, received "{shown}": {error.strerror}')
        ) from error
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        message = f"expected text in UTF-8, received byte 0x{error.object[error.start]:02x}"
        raise DataError(Problem(f"{shown}:{line}", message, "Save the file as UTF-8.")) from error
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        raise DataError(Problem(f"{shown}:{line}", "expected text in UTF-8, received a zero byte"))
    return text


def _check_header(sheet: _Sheet) -> list[Problem]:
    place = f"{sheet.shown}:1"
    problems = [
        Problem(
            place,
            f"expected a name for every column, received an empty one in field {position}",
            "Name it, or save the table without its index column.",
        )
        for position, name in enumerate(sheet.header, start=1)
        if not name
    ]
    repeated = sorted({name for name in sheet.header if name and sheet.header.count(name) > 1})
    if repeated:
        problems.append(Problem(place, f"expected different column names, received {quote_names(repeated)} repeatedly"))
    return problems


def _find_targets(section: DataSection, sheet: _Sheet, place: str) -> list[str]:
    """The names of the target columns."""
    wanted = [section.target] if isinstance(section.target, str) else list(dict.fromkeys(section.target or ()))
    header = sheet.header
    if not wanted:
        message = f'expected target to name a column of "{sheet.shown}", received none'
        raise DataError(Problem(place, message, f"Its columns are {quote_names(header, 20)}."))
    problems = [
        Problem(
            place,
            f'expected target to name a column of "{sheet.shown}", received {quote(name)}',
            _explain_missing(name, header),
        )
        for name in wanted
        if name not in header
    ]
    if not problems and len(wanted) == len(header):
        problems = [Problem(place, f'expected feature columns beside the target in "{sheet.shown}", received none')]
    if not problems and len(wanted) > 1 and section.task == "classification":
        problems = [_several_classes(wanted, place)]
    if problems:
        raise DataError(problems)
    return wanted


def _explain_missing(name: str, header: Sequence[str]) -> str:
    if len(header) == 1:
        for mark, called in _SEPARATORS.items():
            if mark in header[0]:
                return f'The file is separated by {called}: set data.separator = "{mark}".'.replace("\t", "\\t")
    if np.isfinite(_to_numbers(header)).all():
        return "The first line holds numbers; add a header line."
    return suggest_name(name, header)


def _several_classes(names: Sequence[str], place: str) -> Problem:
    message = f"expected a single target column for classification, received {quote_names(names)}"
    return Problem(place, message, "Several class targets are not available yet.")


def _to_numbers(cells: Sequence[str]) -> npt.NDArray[np.float64]:
    """Cells as numbers: NaN where a cell is none, infinity where it says so or exceeds float64."""
    import pandas as pd

    return np.asarray(pd.to_numeric(pd.Series(cells, dtype=object), errors="coerce"), dtype=np.float64)


def _read_column(
    sheet: _Sheet, name: str, *, may_mix: bool, decimal_comma: bool = False
) -> tuple[Array, list[Problem]]:
    """A column as float64 or as text, and what is wrong with it.

    Args:
        sheet: The file.
        name: The column.
        may_mix: Whether numbers beside text are text: class labels may be `1`, `2` and `A`.
        decimal_comma: Whether 1,5 is a number.
    """
    cells = sheet.column(name)
    if decimal_comma:
        cells = [cell.replace(",", ".") if _DECIMAL_COMMA.fullmatch(cell) else cell for cell in cells]
    numbers = _to_numbers(cells)
    missing = np.array([cell in MISSING for cell in cells])
    text = np.isnan(numbers) & ~missing
    if text.any() and (may_mix or not (~text & ~missing).any()):
        problems = _report(sheet, name, missing, "expected text", "Drop or fill this row.")
        if not may_mix and all(_DECIMAL_COMMA.fullmatch(cell) for cell in cells):
            remedy = 'Set data.decimal = "," if the comma is a decimal mark.'
            problems = _report(sheet, name, np.ones(len(cells), dtype=bool), "expected a decimal point", remedy)
        return np.array(cells), problems
    problems = _report(sheet, name, missing, "expected a number", "Drop or fill this row.")
    problems += _report(sheet, name, np.isinf(numbers), "expected a finite number", "Drop or fill this row.")
    large = np.isfinite(numbers) & (np.abs(numbers) > LARGEST)
    problems += _report(sheet, name, large, "expected a number that float32 can hold", "Scale the column.")
    if text.any():
        problems.append(_report_mixed(sheet, name, text, ~text & ~missing))
    return numbers, problems


def _report(sheet: _Sheet, name: str, wrong: npt.NDArray[np.bool_], expected: str, remedy: str) -> list[Problem]:
    """A problem for each of the first wrong cells, and one that counts the others."""
    rows = np.flatnonzero(wrong).tolist()
    problems = [
        Problem(
            f"{sheet.shown}:{sheet.lines[row]}, column {quote(name)}",
            f"{expected}, received {sheet.cell(row, name)}",
            remedy,
        )
        for row in rows[:_FIRST]
    ]
    if len(rows) > _FIRST:
        more = f"and {count(len(rows) - _FIRST, 'more cell')} like it, the last in line {sheet.lines[rows[-1]]}"
        problems.append(Problem(f"{sheet.shown}, column {quote(name)}", more))
    return problems


def _report_mixed(sheet: _Sheet, name: str, text: npt.NDArray[np.bool_], numbers: npt.NDArray[np.bool_]) -> Problem:
    """Name the first row of the kind that is rarer."""
    few, many, noun = (text, numbers, "number") if text.sum() <= numbers.sum() else (numbers, text, "text")
    row = int(np.flatnonzero(few)[0])
    more = f" (and {count(int(few.sum()) - 1, 'more row')} like it)" if few.sum() > 1 else ""
    expected = "expected a number" if noun == "number" else "expected text"
    received = sheet.cell(row, name)
    return Problem(
        f"{sheet.shown}:{sheet.lines[row]}, column {quote(name)}",
        f"{expected} as in {count(int(many.sum()), 'other row')}, received {received}{more}",
        "A column holds numbers or text, not both.",
    )


def _read_target(
    columns: list[Array], names: list[str], task: TaskName | None, place: str
) -> tuple[Array, tuple[str, ...]]:
    """The target, its dtype telling the task: text and int64 are classes, float64 a quantity."""
    if len(columns) > 1:
        text = [name for name, column in zip(names, columns, strict=True) if column.dtype.kind == "U"]
        if text and task == "regression":
            raise DataError(Problem(place, f"expected targets of numbers, received text in {quote_names(text)}"))
        if text:
            raise DataError(_several_classes(names, place))
        return np.column_stack(columns), ()
    column = columns[0]
    if column.dtype.kind == "U" or task is not None or not is_coded(column):
        return column, ()
    different = len(np.unique(column))
    if different == 2:
        return column.astype(np.int64), ()
    note = (
        f'The target "{names[0]}" holds {different} different whole numbers and is taken for classes; '
        'set task = "regression" if it is a quantity.'
    )
    return column.astype(np.int64), (note,)
