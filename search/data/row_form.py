"""How rows are written that a trained model is given: what a study read its own with, and reads new ones with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from search.data.columns import is_date, is_text
from search.data.columns.dates import DAY
from search.data.dataset import Dataset
from search.data.date_formats import ISO
from search.data.sources.csv_file import open_sheet
from search.data.sources.raw import SourceRequest
from search.data.sources.table import Reading
from search.data.stored_rows import is_table
from search.data.wording import keep_first, quote, suggest_name
from search.errors import DataError, Problem
from search.spec.sections import DataSection

Array = npt.NDArray[Any]
Kind = Literal["number", "text", "date"]


@dataclass(frozen=True)
class RowForm:
    """The columns of a table, and how they are written.

    Args:
        kinds: Column to what it holds.
        date_formats: Column of dates to their format.
        may_lack: Whether cells may be missing.
        separator: What stands between fields; None for what the header line shows.
        decimal: The decimal mark; None for what the columns show.
        na_values: Texts of missing cells, beside the usual ones.
        encoding: How text is written; None for UTF-8.
    """

    kinds: Mapping[str, Kind]
    date_formats: Mapping[str, str]
    may_lack: bool = True
    separator: str | None = None
    decimal: str | None = None
    na_values: tuple[str, ...] = ()
    encoding: str | None = None

    @classmethod
    def of(cls, dataset: Dataset, section: DataSection) -> RowForm | None:
        """That of a study's rows; None for arrays, but for those that were made of a table's columns."""
        features, kinds = dataset.features, dict[str, Kind]()
        for key, names in dataset.made_of:
            kinds |= dict.fromkeys(names, "text" if key in dataset.from_text else "number")
        if is_table(features):
            kinds = {
                name: "text" if is_text(features[name]) else "date" if is_date(features[name]) else "number"
                for name in features.columns
            }
        if not kinds:
            return None
        formats, options = dataset.options.date_formats, dataset.options
        return cls(
            kinds,
            {name: formats.get(name, ISO) for name, kind in kinds.items() if kind == "date"},
            may_lack=not dataset.made_of and options.missing != "error",
            separator=section.separator,
            decimal=section.decimal,
            na_values=section.na_values or (),
            encoding=section.encoding,
        )

    def to_json(self) -> dict[str, Any]:
        """The form as JSON-ready values; `from_json` gives the same form back."""
        return {**asdict(self), "na_values": list(self.na_values)}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> RowForm:
        """The form that `to_json` wrote.

        Raises:
            TypeError: It is another document.
        """
        return cls(**{**document, "na_values": tuple(document.get("na_values", ()))})


@dataclass(frozen=True, eq=False)
class NewRows:
    """Rows of a CSV file.

    Args:
        header: Names of all columns of the file.
        cells: All cells, as they are written, row by row.
        columns: The columns that the form names: numbers and dates in days since 1970-01-01 as float64, NaN where
            missing; text as object, "" where missing; shape (rows,) each.
    """

    header: list[str]
    cells: list[list[str]]
    columns: Mapping[str, Array]


def read_new_rows(path: Path, form: RowForm | None) -> NewRows:
    """Read rows as a study read its own.

    Args:
        path: A CSV file with a header line.
        form: How they are written; None for numbers in all columns.

    Raises:
        DataError: The file cannot be read, a column is not there, or a cell is not of its kind.
    """
    told = form or RowForm({}, {}, may_lack=False)
    section = DataSection(
        source="csv",
        path=path.name,
        separator=told.separator,
        decimal=told.decimal,  # type: ignore[arg-type]  # a mark that a study had
        na_values=told.na_values,
        encoding=told.encoding,
    )
    try:
        sheet, _, problems = open_sheet(SourceRequest(section, path.parent, str(path)))
    except DataError as error:
        raise DataError(
            [_without_study(problem, "Save it as the study's own file was.") for problem in error.problems]
        ) from error
    kinds: Mapping[str, Kind] = dict.fromkeys(sheet.header, "number") if form is None else told.kinds
    problems += [
        Problem(str(path), f"expected the column {quote(name)}, received none", suggest_name(name, sheet.header))
        for name in kinds
        if name not in sheet.header
    ]
    if problems:
        raise DataError(keep_first(problems))
    columns = {}
    for name, kind in kinds.items():
        date_format = told.date_formats.get(name, ISO) if kind == "date" else None
        reading = Reading("feature", may_lack=told.may_lack, as_text=kind == "text", date_format=date_format)
        column, found = sheet.read(name, reading)
        if kind == "number" and column.dtype.kind != "f" and not found:
            texts = sheet.texts(name)
            message = f"expected numbers, received {quote(texts[0])}"
            found = [Problem(f"{sheet.shown}, column {quote(name)}", message)]
        problems += found
        columns[name] = column if found else _as_fed(column)
    if problems:
        remedy = "Correct the cell, or leave it empty." if told.may_lack else "Correct the cell."
        if form is None:
            remedy = "A model of columns of text says so where `regsearch export --format keras` wrote it."
        raise DataError(keep_first([_without_study(problem, remedy) for problem in problems]))
    return NewRows([""] * bool(sheet.index) + sheet.header, sheet.rows(), columns)


def _without_study(problem: Problem, remedy: str) -> Problem:
    """A problem with another remedy than to change a study file: the study is over."""
    return replace(problem, remedy=remedy) if "data." in problem.remedy else problem


def _as_fed(column: Array) -> Array:
    """A column as a model takes it."""
    if column.dtype.kind == "M":
        return np.where(np.isnat(column), np.nan, column.astype("datetime64[us]").astype(np.int64) / DAY)
    if column.dtype.kind == "f":
        return column
    return np.array(["" if cell is None else str(cell) for cell in column], dtype=object)
