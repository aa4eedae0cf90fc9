"""`parquet`: a table whose columns have types, read with pandas and pyarrow."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from search.data.date_formats import read_dates
from search.data.sources.raw import Plain, PlainError, RawData, SourceRequest, find_file, hint_at_file, to_plain
from search.data.sources.table import Reading, Sheet, read_table
from search.data.wording import count, quote
from search.errors import DataError, Problem
from search.spec import SourceForm

Array = npt.NDArray[Any]

FORM = SourceForm(
    form="parquet",
    matches=lambda text: text == "parquet",
    needs=("path", "target"),
    takes=("columns", "drop", "dates", "weight"),
    hint=functools.partial(hint_at_file, "parquet"),
)


def read_rows(request: SourceRequest) -> RawData:
    """Read a file; its index, where it has one with a name, is no column.

    Raises:
        DataError: The package pyarrow is missing, or the file cannot be read.
    """
    path = find_file(request.section.path, request.folder, request.place)
    shown = str(request.section.path)
    try:
        import pyarrow as pa
    except ImportError as error:
        message = "expected the package pyarrow for parquet files, received an installation without it"
        remedy = 'Install it with `pip install "regsearch[parquet]"`, or save the table as csv.'
        raise DataError(Problem(request.place, message, remedy)) from error
    import pandas as pd

    try:
        frame = pd.read_parquet(path, engine="pyarrow")
    except (OSError, ValueError, pa.ArrowException) as error:
        reason = " ".join(str(error).split()).rstrip(".")
        message = f'expected a parquet file, received "{shown}": {reason}'
        raise DataError(Problem(request.place, message)) from error
    return read_table(_ParquetSheet(shown, list(map(str, frame.columns)), frame), request)


@dataclass(frozen=True)
class _ParquetSheet(Sheet):
    """The columns of a file."""

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
