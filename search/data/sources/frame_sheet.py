"""Columns that have types, in a DataFrame: those of a parquet file, and tables that a program had in memory."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from search.data.date_formats import read_dates
from search.data.sources.raw import Plain, PlainError, RawData, SourceRequest, to_frame, to_plain
from search.data.sources.table import Reading, Sheet, read_columns
from search.data.stored_rows import is_table
from search.data.wording import count, quote
from search.errors import DataError, Problem

Array = npt.NDArray[Any]

CHOOSING = ("columns", "drop", "dates")
"""Keys of [data] that say which columns of a table are learned from, and which are dates."""


def read_frame(rows: RawData, request: SourceRequest) -> RawData:
    """Rows of a table that a program had in memory, with the columns that a study asks for; others as they are.

    Args:
        rows: As the source found them.
        request: What to read of them.

    Raises:
        DataError: A column is not there, a cell is no date, or the rows are no table.
    """
    given = [key for key in CHOOSING if getattr(request.section, key) is not None]
    if not given:
        return rows
    if not is_table(rows.features):
        raise DataError([Problem(request.place, f"expected no {key} for arrays, received it") for key in given])
    sheet = FrameSheet("the table", list(map(str, rows.features.columns)), rows.features)
    columns, formats, notes = read_columns(sheet, request)
    return replace(rows, features=to_frame(columns), date_formats=formats, notes=(*rows.notes, *notes))


@dataclass(frozen=True)
class FrameSheet(Sheet):
    """The columns of a frame, whose types say what they hold."""

    shown: str
    header: list[str]
    frame: Any

    def read(self, name: str, reading: Reading) -> tuple[Array, list[Problem]]:
        """A column; what is wrong with a cell is told with its row."""
        place = f"{self.shown}, column {quote(name)}"
        try:
            column = self._plain(name)
        except PlainError as error:
            return np.zeros(len(self.frame)), [Problem(place, str(error))]
        if reading.date_format is not None and column.dtype.kind in "UO":
            missing = np.array([cell is None for cell in column])
            column = read_dates(column.tolist(), reading.date_format)
            if problems := _report(place, np.isnat(column) & ~missing, "expected a date", self.frame[name]):
                return column, problems
        missing = self.frame[name].isna().to_numpy()
        problems = [] if reading.may_lack else _report(place, missing, "expected a value", self.frame[name])
        if reading.as_text and column.dtype.kind not in "UO":
            return column.astype(str), problems
        if reading.role == "target" and column.dtype.kind == "O" and not problems:
            column = column.astype(str)
        if reading.role == "weight" and not problems:
            unfit = column < 0 if column.dtype.kind in "biuf" else np.ones(len(column), dtype=bool)
            problems = _report(place, unfit, "expected a number of at least 0", self.frame[name])
        return column.astype(np.float64) if column.dtype.kind in "biu" else column, problems

    def texts(self, name: str) -> list[str]:
        """The cells of a column that are not missing, as text."""
        return [str(cell) for cell in self.frame[name].dropna()]

    def _plain(self, name: str) -> Array:
        plain: Plain = to_plain(self.frame[[name]], "x")
        if not isinstance(plain, dict):
            raise PlainError(f"expected a column, received {type(plain).__name__}")
        return plain[name]


def _report(place: str, wrong: npt.NDArray[np.bool_], expected: str, column: Any) -> list[Problem]:
    rows = np.flatnonzero(wrong)
    if not len(rows):
        return []
    more = f" (and {count(len(rows) - 1, 'more row')})" if len(rows) > 1 else ""
    received = "a missing one" if column.isna().iloc[rows[0]] else quote(column.iloc[rows[0]])
    return [
        Problem(place, f"{expected}, received {received} in row {rows[0]}, counted from 0{more}", "Correct the file.")
    ]
