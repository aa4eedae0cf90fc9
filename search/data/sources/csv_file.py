"""`csv`: a table with a header line, read as text first so that nothing is converted in silence."""

from __future__ import annotations

import dataclasses
import functools
import itertools
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from search.data.date_formats import ISO, find_formats, read_dates
from search.data.sources.csv_cells import FIRST, SEPARATORS, encoding_of, read_cells, read_text
from search.data.sources.raw import LARGEST, RawData, SourceRequest, find_file, hint_at_file
from search.data.sources.table import Reading, Sheet, read_table, tell_format
from search.data.wording import count, quote, quote_names
from search.errors import DataError, Problem
from search.spec import SourceForm
from search.spec.sections import DataSection

Array = npt.NDArray[Any]

FORM = SourceForm(
    form="csv",
    matches=lambda text: text == "csv",
    needs=("path", "target"),
    takes=("columns", "drop", "dates", "text", "weight", "separator", "decimal", "na_values", "encoding"),
    hint=functools.partial(hint_at_file, "csv"),
)

# The texts that pandas.read_csv takes for missing by default, as its documentation lists them.
MISSING = frozenset(
    {"", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "1.#IND", "1.#QNAN", "<NA>", "N/A", "NA", "n/a"}
    | {"-NaN", "-nan", "NaN", "nan", "NULL", "null", "None"}
)
_DECIMAL_COMMA = re.compile(r"[+-]?\d*,\d+(?:[eE][+-]?\d+)?")
_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2},\d{3}")
_WHOLE = re.compile(r"[+-]?\d+(?:[eE][+-]?\d+)?")
_MAY_BE_FILLED = 'Drop or fill this row, or set data.missing to "indicate" or "impute".'
_LONGEST_WHOLE = 18  # digits, so that the number is one of 64 bits
_LONGEST_MARK = 10  # letters of a text that may stand for a missing cell
_MOST_MARKS = 3
_MARKS = frozenset(
    {"?", "-", "--", "---", ".", "..", "*", "na", "n.a.", "nan", "nat", "nd", "n.d.", "nil", "none", "null", "(null)"}
    | {"\\n", "missing", "(missing)", "(blank)", "unknown", "unk", "undefined", "no data", "not available"}
    | {"not applicable", "#div/0!", "#name?", "#num!", "#ref!", "#value!"}
)
"""Texts, in small letters, that beside numbers stand for a missing cell."""
_NO_DATE = re.compile(r"0+(?:[-/.: T]0+)+")  # as MySQL writes one that is missing
_PADDED = re.compile(r"0\d+")
_LEAST_DIGITS = 3  # of codes: months, days and hours are written with two, and are numbers
_FEW_CATEGORIES = 20
_FEWEST_TEXTS = 5  # different ones
_NO_SLIPS = 0.05  # share of cells, or of different values: so many are not mistyped


@dataclass(frozen=True, eq=False)
class CsvSheet(Sheet):
    """The cells of the file `shown`, as `Cells` has them: row i of all `columns` stands at line `lines[i]` (from 1).

    `index` holds the cells of a first column that was left out; it is empty where none was.
    """

    shown: str
    separator: str
    header: list[str]
    lines: npt.NDArray[np.int64]
    columns: list[Array]
    decimal: str | None = None
    na_values: tuple[str, ...] = ()
    index: tuple[str, ...] = ()

    def read(self, name: str, reading: Reading) -> tuple[Array, list[Problem]]:
        """A column; whatever is wrong with a cell is told with its line."""
        if reading.date_format is not None:
            return _read_dates(self, name, reading.date_format, reading)
        column, problems = _read_column(self, name, reading)
        if reading.role == "weight" and not problems:
            unfit = column < 0 if column.dtype.kind == "f" else np.ones(len(column), dtype=bool)
            problems = _report(self, name, unfit, "expected a number of at least 0", "Correct the cell.")
        return column, problems

    def texts(self, name: str) -> list[str]:
        """The cells of a column that are not missing."""
        cells = self.column(name)
        return list(itertools.compress(cells, ~self.missing(cells)))

    def explain_unknown(self, name: str) -> str:
        """What may have been meant, or why the header is none."""
        if len(self.header) == 1:
            for mark, called in SEPARATORS.items():
                if mark in self.header[0]:
                    return f'The file is separated by {called}: set data.separator = "{mark}".'.replace("\t", "\\t")
        if np.isfinite(_to_numbers(self.header)).all():
            return "The first line holds numbers; add a header line."
        return super().explain_unknown(name)

    def column(self, name: str) -> list[str]:
        """The cells of a column."""
        cells: list[str] = self.columns[self._positions[name]].tolist()
        return cells

    def rows(self) -> list[list[str]]:
        """All cells row by row, those of an index among them."""
        columns = [column.tolist() for column in self.columns]
        return list(map(list, zip(*([self.index] if self.index else []), *columns, strict=True)))

    def missing(self, cells: Sequence[str]) -> npt.NDArray[np.bool_]:
        """Which of some cells are missing, shape (rows,)."""
        marks = MISSING.union(self.na_values)
        return np.array([cell in marks for cell in cells], dtype=bool)

    def has_decimal_commas(self, name: str) -> bool:
        """Whether a column's numbers have decimal commas; where commas separate fields, they may mark thousands."""
        if self.decimal is not None or self.separator == ",":
            return self.decimal == ","
        cells = self.texts(name)
        with_comma = [cell for cell in cells if _DECIMAL_COMMA.fullmatch(cell)]
        return bool(with_comma) and all(_WHOLE.fullmatch(cell) or _DECIMAL_COMMA.fullmatch(cell) for cell in cells)

    def cell(self, row: int, name: str) -> str:
        """A cell in words for an error."""
        text = str(self.columns[self._positions[name]][row])
        if not text:
            return "an empty cell"
        return quote(text if len(text) <= 40 else f"{text[:37]}...")

    @functools.cached_property
    def _positions(self) -> dict[str, int]:
        """The first column of each name: looking for each of many would take hours."""
        return {name: position for position, name in reversed(list(enumerate(self.header)))}


def read_rows(request: SourceRequest) -> RawData:
    """Read a file with a header line; blank lines are skipped, and so is an index column that pandas wrote.

    Raises:
        DataError: With line and column of the first problems of each kind.
    """
    section = request.section
    sheet, notes, problems = open_sheet(request)
    rows = read_table(sheet, request, problems)
    read = {*getattr(rows.features, "columns", ()), *rows.target_names}
    with_commas = [name for name in sheet.header if name in read and sheet.has_decimal_commas(name)]
    if with_commas and section.decimal is None:
        notes.append(f"Decimal commas were read in {quote_names(with_commas)}.")
    if mixed := [name for name in sheet.header if name in read and _is_mixed(sheet, name, rows, section)]:
        notes.append(f"Columns of numbers and text are taken for text: {quote_names(mixed)}.")
    notes += [
        f"Column {quote(name)}: {padded} of {known} cells begin with 0, as {quote(example)} does, and are read as "
        f"numbers: if they are codes, set data.text = [{quote(name)}]."
        for name in sheet.header
        if name in read and name not in _of_text(section)
        for padded, known, example in _zero_padded(sheet, name)
    ]
    return dataclasses.replace(rows, notes=(*notes, *rows.notes))


def find_writing(request: SourceRequest) -> tuple[dict[str, Any], dict[str, str]]:
    """How a file is written, where its header line does not show it.

    Args:
        request: Of a file of which the study says neither yet.
    Returns:
        `encoding`, `decimal`, `na_values` and `text` of [data] where they are needed, and why.

    Raises:
        DataError: It is no CSV file.
    """
    told, reasons = dict[str, Any](), dict[str, str]()
    path = find_file(request.section.path, request.folder, request.place)
    if not _is_unicode(path):
        told["encoding"] = "cp1252"
        reasons["encoding"] = "the file is not in UTF-8: are its letters right?"
    section = request.section.model_copy(update=told)
    sheet = open_sheet(dataclasses.replace(request, section=section))[0]
    names = list(dict.fromkeys(sheet.header))
    if sheet.separator == "," and (with_commas := [name for name in names if _shows_decimal_commas(sheet, name)]):
        sheet = dataclasses.replace(sheet, decimal=",")
        told["decimal"], reasons["decimal"] = ",", f"as in {', '.join(with_commas)}"
    marks = dict[str, str]()
    for name in names:
        texts = set(_texts_among_numbers(sheet, name)[0])
        texts = texts if texts and _are_marks(texts) else _marks_among_dates(sheet, name)
        marks |= dict.fromkeys(texts, name)
    if marks:
        told["na_values"] = tuple(sorted(marks))
        sheet = dataclasses.replace(sheet, na_values=told["na_values"])
        reasons["na_values"] = f"missing cells, beside numbers or dates in {', '.join(dict.fromkeys(marks.values()))}"
    others = {request.section.weight, *(name for each in request.section.targets.values() for name in each)}
    codes = [name for name in names if name not in others and _holds_codes(sheet, name)]
    if codes:
        told["text"] = tuple(codes)
        reasons["text"] = f"numbers that begin with 0, as in {', '.join(codes)}, are codes: a category each"
    return told, reasons


def told_writing(section: DataSection, folder: Path) -> tuple[str, str]:
    """What stands between the fields of a study's file, and how its text is written.

    Raises:
        DataError: It is no CSV file.
    """
    request = SourceRequest(section, folder, "[data]")
    path = find_file(section.path, folder, request.place)
    separator = open_sheet(request)[0].separator
    return separator, section.encoding or encoding_of(path.read_bytes())


def told_format(section: DataSection, folder: Path, name: str) -> str:
    """The format of a study's column of dates.

    Raises:
        DataError: It is no CSV file, or there is no such format.
    """
    told = tell_format(open_sheet(SourceRequest(section, folder, "[data]"))[0], name)
    if isinstance(told, Problem):
        raise DataError(told)
    return told


def open_sheet(request: SourceRequest) -> tuple[CsvSheet, list[str], list[Problem]]:
    """The cells of a file, what the user should know of it, and what is wrong with its lines and its header.

    Raises:
        DataError: It is no CSV file.
    """
    path = find_file(request.section.path, request.folder, request.place)
    section = request.section
    cells, notes, problems = read_cells(path, section, request.place)
    told = (cells.separator, cells.header, cells.lines, cells.columns, section.decimal, section.na_values or ())
    sheet, of_index = _without_index(CsvSheet(str(section.path), *told))
    return sheet, [*notes, *of_index], [*problems, *_check_header(sheet)]


def _without_index(sheet: CsvSheet) -> tuple[CsvSheet, tuple[str, ...]]:
    """The cells without a first column that has no name and counts or names the rows, as pandas writes its index."""
    if sheet.header[0] or len(sheet.header) < 2:
        return sheet, ()
    cells: list[str] = sheet.columns[0].tolist()
    are_whole = all(cell.isdecimal() and len(cell) <= _LONGEST_WHOLE for cell in cells)
    if are_whole and (_are_different(cells) or _count_rows(list(map(int, cells)))):
        told = "numbers the rows"
    elif _are_different(cells) and all(cells) and np.isnan(_to_numbers(cells)).all():
        told = "names the rows"
    else:
        return sheet, ()
    rest = dataclasses.replace(sheet, header=sheet.header[1:], columns=sheet.columns[1:], index=tuple(cells))
    return rest, (f"The first column has no name and {told}, as pandas writes its index: it is left out.",)


def _are_different(cells: Sequence[str]) -> bool:
    return len(set(cells)) == len(cells)


def _count_rows(numbers: Sequence[int]) -> bool:
    """Whether numbers count from 0, once or several times, as those of tables that were put together do."""
    restarts = sum(number == 0 for number in numbers)
    counts = all(later in (earlier + 1, 0) for earlier, later in itertools.pairwise(numbers))
    return numbers[0] == 0 and counts and 2 * restarts <= len(numbers)


def _shows_decimal_commas(sheet: CsvSheet, name: str) -> bool:
    """Whether a column's numbers have commas, and they cannot all be marks of thousands."""
    cells = sheet.column(name)
    known = list(itertools.compress(cells, ~sheet.missing(cells)))
    with_comma = [cell for cell in known if _DECIMAL_COMMA.fullmatch(cell)]
    all_numbers = all(_WHOLE.fullmatch(cell) or _DECIMAL_COMMA.fullmatch(cell) for cell in known)
    return all_numbers and not all(map(_THOUSANDS.fullmatch, with_comma))


def _is_unicode(path: Path) -> bool:
    """Whether a file's letters can be read without being told how."""
    try:
        read_text(path, path.name, "", None)
    except DataError as error:
        return not isinstance(error.__cause__, UnicodeError)
    return True


def _check_header(sheet: CsvSheet) -> list[Problem]:
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
    repeated = sorted(name for name, number in Counter(sheet.header).items() if name and number > 1)
    if repeated:
        problems.append(Problem(place, f"expected different column names, received {quote_names(repeated)} repeatedly"))
    return problems


def _to_numbers(cells: Sequence[str]) -> npt.NDArray[np.float64]:
    """Cells as numbers: NaN where a cell is none, infinity where it says so or exceeds float64."""
    import pandas as pd

    return np.asarray(pd.to_numeric(pd.Series(cells, dtype=object), errors="coerce"), dtype=np.float64)


def _read_column(sheet: CsvSheet, name: str, reading: Reading) -> tuple[Array, list[Problem]]:
    """A column as float64 or as text, and what is wrong with it."""
    cells = sheet.column(name)
    missing, numbers = _split(sheet, name, cells)
    text = np.isnan(numbers) & ~missing
    is_mixed = bool(text.any() and (~text & ~missing).any())
    may_mix = reading.may_mix or (reading.may_be_text and is_mixed and _is_of_text(sheet, name))
    if reading.as_text:
        return _with_gaps(cells, missing), _report(sheet, name, missing & (not reading.may_lack), "expected text", "")
    lacking = missing & (not reading.may_lack)
    if text.any() and (may_mix or not is_mixed):
        problems = _report(sheet, name, lacking, "expected text", _fill_or_drop(reading))
        if not may_mix and all(map(_DECIMAL_COMMA.fullmatch, itertools.compress(cells, ~missing))):
            remedy = 'Set data.decimal = "," if the comma is a decimal mark; write 1000 for 1,000.'
            problems = _report(sheet, name, ~missing, "expected a decimal point", remedy)
        return _with_gaps(cells, missing), problems
    problems = _report(sheet, name, lacking, "expected a number", _fill_or_drop(reading))
    problems += _report(sheet, name, np.isinf(numbers), "expected a finite number", "Drop or fill this row.")
    large = np.isfinite(numbers) & (np.abs(numbers) > LARGEST)
    problems += _report(sheet, name, large, "expected a number that float32 can hold", "Scale the column.")
    if text.any():
        problems.append(_report_mixed(sheet, name, text, ~text & ~missing))
    return numbers, problems


def _split(sheet: CsvSheet, name: str, cells: Sequence[str]) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.float64]]:
    """Which cells of a column are missing, and its numbers: NaN where a cell is none."""
    missing = sheet.missing(cells)
    if sheet.has_decimal_commas(name):
        cells = [cell.replace(",", ".") if _DECIMAL_COMMA.fullmatch(cell) else cell for cell in cells]
    return missing, np.where(missing, np.nan, _to_numbers(cells))


def _texts_among_numbers(sheet: CsvSheet, name: str) -> tuple[list[str], list[str]]:
    """The cells of a column that are text and those that are numbers, where it holds both; nothing for any other."""
    cells = sheet.column(name)
    missing, numbers = _split(sheet, name, cells)
    text = np.isnan(numbers) & ~missing
    if not text.any() or (text | missing).all():
        return [], []
    return list(itertools.compress(cells, text)), list(itertools.compress(cells, ~text & ~missing))


def _are_marks(texts: Iterable[str]) -> bool:
    """Whether texts that stand beside numbers stand for missing cells."""
    return all(text.lower() in _MARKS for text in texts)


def _marks_among_dates(sheet: CsvSheet, name: str) -> set[str]:
    """What stands for missing cells in a column of dates: marks, and dates of zeros; nothing in any other column."""
    texts = set(sheet.texts(name))
    marks = {text for text in texts if text.lower() in _MARKS or _NO_DATE.fullmatch(text)}
    return marks if marks and find_formats(list(texts - marks)) else set()


def _is_of_text(sheet: CsvSheet, name: str) -> bool:
    """Whether the numbers of a column are codes, names or labels as its texts are: those are neither marks of missing
    cells nor mistyped numbers."""
    texts, numbers = _texts_among_numbers(sheet, name)
    different = set(texts)
    if _are_marks(different):
        return False
    n_values = len(different) + len(set(numbers))
    few = n_values <= _FEW_CATEGORIES and len(texts) >= max(2, _NO_SLIPS * (len(texts) + len(numbers)))
    return few or len(texts) > len(numbers) or len(different) >= max(_FEWEST_TEXTS, _NO_SLIPS * n_values)


def _is_mixed(sheet: CsvSheet, name: str, rows: RawData, section: DataSection) -> bool:
    """Whether a column of numbers and text was taken for text, where the study does not say that it is."""
    if name in rows.target_names:
        is_text = section.task != "classification" and name not in _of_text(section) and rows.target.dtype.kind == "U"
    else:
        is_text = name not in _of_text(section) and rows.features[name].dtype == object
    return is_text and bool(_texts_among_numbers(sheet, name)[0])


def _of_text(section: DataSection) -> tuple[str, ...]:
    """The columns whose numbers are text, as a study says."""
    return (*(section.text or ()), *(section.target_encode or ()))


def _zero_padded(sheet: CsvSheet, name: str) -> list[tuple[int, int, str]]:
    """Of a column of whole numbers some of which begin with 0: how many, of how many, and one of them; else nothing."""
    texts = sheet.texts(name)
    if not all(map(str.isdecimal, texts)):
        return []
    padded = [text for text in texts if _PADDED.fullmatch(text)]
    return [(len(padded), len(texts), padded[0])] if padded else []


def _holds_codes(sheet: CsvSheet, name: str) -> bool:
    """Whether whole numbers are codes: most begin with 0, or all have as many digits and some begin with 0."""
    for n_padded, n_known, example in _zero_padded(sheet, name):
        lengths = set(map(len, sheet.texts(name)))
        return len(example) >= _LEAST_DIGITS and (2 * n_padded > n_known or len(lengths) == 1)
    return False


def _read_dates(sheet: CsvSheet, name: str, date_format: str, reading: Reading) -> tuple[Array, list[Problem]]:
    """A column as dates, and what is wrong with it."""
    cells = sheet.column(name)
    missing = sheet.missing(cells)
    dates = read_dates(_with_gaps(cells, missing).tolist(), date_format)
    wrong, example = np.isnat(dates) & ~missing, "2024-12-31" if date_format == ISO else date_format
    problems = _report(sheet, name, wrong, f"expected a date as in {example}", "Correct the cell, or leave it empty.")
    problems += _report(sheet, name, missing & (not reading.may_lack), "expected a date", _fill_or_drop(reading))
    return dates, problems


def _with_gaps(cells: Sequence[str], missing: npt.NDArray[np.bool_]) -> Array:
    """Text, with None where a cell is missing."""
    if not missing.any():
        return np.array(cells)
    column = np.array(cells, dtype=object)
    column[missing] = None
    return column


def _fill_or_drop(reading: Reading) -> str:
    """What to do about a missing cell."""
    return _MAY_BE_FILLED if reading.role == "feature" else "Drop or fill this row."


def _report(sheet: CsvSheet, name: str, wrong: npt.NDArray[np.bool_], expected: str, remedy: str) -> list[Problem]:
    """A problem for each of the first wrong cells, and one that counts the others."""
    rows = np.flatnonzero(wrong).tolist()
    problems = [
        Problem(
            f"{sheet.shown}:{sheet.lines[row]}, column {quote(name)}",
            f"{expected}, received {sheet.cell(row, name)}",
            remedy,
        )
        for row in rows[:FIRST]
    ]
    if len(rows) > FIRST:
        more = f"and {count(len(rows) - FIRST, 'more cell')} like it, the last in line {sheet.lines[rows[-1]]}"
        problems.append(Problem(f"{sheet.shown}, column {quote(name)}", more))
    return problems


def _report_mixed(sheet: CsvSheet, name: str, text: npt.NDArray[np.bool_], numbers: npt.NDArray[np.bool_]) -> Problem:
    """Name the first row of the kind that is rarer."""
    few, many, noun = (text, numbers, "number") if text.sum() <= numbers.sum() else (numbers, text, "text")
    row = int(np.flatnonzero(few)[0])
    more = f" (and {count(int(few.sum()) - 1, 'more row')} like it)" if few.sum() > 1 else ""
    expected = "expected a number" if noun == "number" else "expected text"
    received = sheet.cell(row, name)
    remedy = "A column holds numbers or text, not both."
    marks = sorted(set(itertools.compress(sheet.column(name), text)))
    if noun == "number" and len(marks) <= _MOST_MARKS and max(map(len, marks)) <= _LONGEST_MARK:
        meant = "that stands for a missing cell" if len(marks) == 1 else "these stand for missing cells"
        remedy = f"Set data.na_values = [{', '.join(map(quote, marks))}] if {meant}."
    return Problem(
        f"{sheet.shown}:{sheet.lines[row]}, column {quote(name)}",
        f"{expected} as in {count(int(many.sum()), 'other row')}, received {received}{more}",
        remedy,
    )
