"""What a source hands over, and how whatever a function returned becomes plain arrays."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

import numpy as np
import numpy.typing as npt

from search.data.further_targets import main_output
from search.data.named_inputs import ONLY_INPUT, InputShapes, NamedArrays, code_texts, join_inputs
from search.data.stored_rows import StoredRows, as_features, is_stored
from search.data.wording import quote, suggest_name
from search.errors import DataError, Problem
from search.spec.sections import DataSection
from search.spec.wording import show
from search.user_code import is_code_trusted, tell_code

if TYPE_CHECKING:
    import pandas as pd

Array = npt.NDArray[Any]
Plain = Array | dict[str, Array] | NamedArrays
"""Numbers or text as one array; or a table: column name to its array, shape (n,); or arrays of several inputs.

Text has dtype `U`, or `object` with None where it is missing; dates are `datetime64[us]`.
"""
RowRole = Literal["groups", "order", "part", "weight"]
"""What a column may say of its rows."""

LARGEST = float(np.finfo(np.float32).max)
"""The largest magnitude of a feature: networks are trained in float32."""


@dataclass(frozen=True)
class SourceRequest:
    """What a source is to read.

    Args:
        section: The [data] table.
        folder: The study file's folder, to which paths are relative.
        place: Where the table stands, for errors.
        beside: Columns that say something of their rows, by what they say: `groups`, `order`, `part` and `weight`.
        split_place: Where the [split] table stands, which names all of these but weights.
        output: Of several outputs the one that the study is about; None for the first one.
        objective_place: Where [objective] names it, for errors.
    """

    section: DataSection
    folder: Path
    place: str
    beside: Mapping[RowRole, str] = field(default_factory=dict)
    split_place: str = "[split]"
    output: str | None = None
    objective_place: str = "[objective]"

    def place_of(self, role: RowRole) -> str:
        """Where a column that says something of its rows is named."""
        return self.place if role == "weight" else self.split_place


@dataclass(frozen=True, eq=False)
class RawData:
    """Features and targets as a source found them, shaped but not yet checked value by value.

    Args:
        features: An array with the rows first; or a DataFrame of float64, object (text) and datetime64[us] columns.
        target: Numbers or text (dtype `U`), rows first.
        target_names: Names of the target columns; empty where a source has none.
        notes: What the user should know.
        row_columns: What was asked for beside, shape (rows,) each.
        date_formats: Columns that were text and are dates, each with the format that it had.
        inputs: Inputs that stand beside one another in the rows of an array; none where there is but one.
        output: Name of the output that the target is of; empty where there is but one.
        further: Targets of the other outputs, by the names of these.
        texts: The different texts of each input of text, whose cells are places among them; by its name.
        made_of: Of a table whose columns were made arrays of inputs, each input and its columns.
    """

    features: Array | pd.DataFrame
    target: Array
    target_names: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    row_columns: Mapping[RowRole, Array] = field(default_factory=dict)
    date_formats: Mapping[str, str] = field(default_factory=dict)
    inputs: InputShapes = ()
    output: str = ""
    further: Mapping[str, Array] = field(default_factory=dict)
    texts: Mapping[str, Array] = field(default_factory=dict)
    made_of: tuple[tuple[str, tuple[str, ...]], ...] = ()


class PlainError(ValueError):
    """A value cannot become plain arrays; the message is `expected ..., received ...`."""


def to_plain(value: Any, name: str) -> Plain:
    """Turn a DataFrame, a Series, a sparse matrix, a tensor or a list into plain arrays.

    Args:
        value: Whatever a function returned.
        name: What it is, for errors: `x`, `y`. A dictionary of arrays is that of several inputs.

    Raises:
        PlainError: It holds something other than numbers and text.
    """
    if is_stored(value):
        return as_features(value)
    if isinstance(value, Mapping):
        if not value:
            raise PlainError(f"expected {name} to hold arrays, received an empty dictionary")
        return NamedArrays({str(key): _plain_array(each, f'"{key}" of {name}') for key, each in value.items()})
    if hasattr(value, "iloc"):
        if not hasattr(value, "columns"):
            return _plain_column(value, name)
        names = [str(column) for column in value.columns]
        if len(set(names)) < len(names):
            raise PlainError(f"expected different column names in {name}, received {names}")
        return {
            column: _plain_column(value.iloc[:, position], f'column "{column}" of {name}')
            for position, column in enumerate(names)
        }
    return _plain_array(value, name)


def _plain_array(value: Any, name: str) -> Array:
    if hasattr(value, "toarray"):
        value = value.toarray()
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise PlainError(f"expected {name} to be one array, received rows of different shapes") from error
    if array.dtype.kind in "biufU":
        return array
    return _plain_text(array, name)


def _plain_column(series: Any, name: str) -> Array:
    """A pandas Series as numbers (missing ones become NaN), dates or text (missing ones become None)."""
    from pandas.api.types import is_datetime64_any_dtype, is_numeric_dtype

    if is_datetime64_any_dtype(series.dtype):
        if series.dt.tz is not None:
            series = series.dt.tz_convert("UTC").dt.tz_localize(None)
        return np.asarray(series.to_numpy("datetime64[us]"))
    if is_numeric_dtype(series.dtype):
        values: Array = series.to_numpy(dtype=float, na_value=np.nan) if series.hasnans else series.to_numpy()
        if values.dtype.kind in "biuf":
            return values
    cells = series.astype(object)
    if str(series.dtype) == "category":
        cells = cells.map(str, na_action="ignore")
    lacking = cells.isna().to_numpy()
    known = cells.to_numpy()[~lacking]
    if len(known) and all(isinstance(cell, bool | np.bool_) for cell in known):
        return np.asarray(cells.mask(lacking, np.nan), dtype=np.float64)
    column = np.full(len(cells), None, dtype=object)
    column[~lacking] = _plain_text(known, name, np.flatnonzero(~lacking)) if len(known) else known
    return column if lacking.any() else column.astype(str)


def _plain_text(values: Array, name: str, rows: Array | None = None) -> Array:
    """Text, shape (n,); `rows` says where they stand when some were left out."""
    strange = next((index for index, item in enumerate(values.flat) if not isinstance(item, str)), None)
    if values.dtype != object or (strange is not None and not isinstance(values.flat[0], str)):
        kind = values.dtype if values.dtype != object or not values.size else type(values.flat[0]).__name__
        raise PlainError(f"expected {name} to hold numbers only or text only, received {kind}")
    if strange is not None:
        item, row = values.flat[strange], strange if rows is None else rows[strange]
        received = "a missing value" if item is None or item != item else repr(item)  # NaN differs from itself
        raise PlainError(f"expected text in every row of {name}, received {received} in row {row}, counted from 0")
    return values.astype(str)


def pack_columns(name: str, columns: Mapping[str, Array]) -> dict[str, Array]:
    """A table as arrays that an NPZ file holds without pickle: `NAME_columns` (JSON), and `NAME_0`, `NAME_1` ...

    Text with missing cells is text, and `NAME_0_missing` says where it is none.
    """
    arrays: dict[str, Array] = {f"{name}_columns": np.array(json.dumps(list(columns)))}
    for position, column in enumerate(columns.values()):
        key = f"{name}_{position}"
        arrays[key] = column
        if column.dtype == object:
            lacking = np.array([cell is None for cell in column])
            arrays |= {key: np.where(lacking, "", column).astype(str), f"{key}_missing": lacking}
    return arrays


def unpack_columns(arrays: Mapping[str, Array], name: str) -> dict[str, Array]:
    """The table that `pack_columns` packed.

    Args:
        arrays: Those that it was packed to, or an open NPZ file.
        name: What the table is called there.

    Raises:
        PlainError: The arrays are others than `pack_columns` gives.
    """
    columns: dict[str, Array] = {}
    n_rows: int | None = None
    for position, column in enumerate(_column_names(arrays[f"{name}_columns"], f"{name}_columns")):
        key = f"{name}_{position}"
        columns[column] = _cells(arrays, key, n_rows)
        n_rows = len(columns[column])
        if f"{key}_missing" in arrays:
            lacking = _cells(arrays, f"{key}_missing", n_rows).astype(bool)
            columns[column] = columns[column].astype(object)
            columns[column][lacking] = None
    return columns


def _cells(arrays: Mapping[str, Array], key: str, n_rows: int | None) -> Array:
    """A column of a packed table, shape (n_rows,)."""
    cells = arrays.get(key)
    if cells is None or cells.ndim != 1 or n_rows not in (None, len(cells)):
        received = "none" if cells is None else f"shape {cells.shape}"
        raise PlainError(f"expected {key} of shape ({'rows' if n_rows is None else n_rows},), received {received}")
    return cells


def _column_names(stored: Array, key: str) -> list[str]:
    try:
        names = json.loads(str(stored))
    except (ValueError, RecursionError):
        names = None
    if not isinstance(names, list) or not all(isinstance(each, str) for each in names):
        raise PlainError(f"expected {key} to hold a list of names as JSON, received {quote(str(stored)[:40])}")
    return names


def to_rows(x: Plain, y: Plain, request: SourceRequest) -> RawData:
    """Put plain features and targets together.

    Raises:
        DataError: The columns of a table have different lengths, several targets hold text, or the output that the
            study is about is none of several.
    """
    names: tuple[str, ...] = ()
    place = request.place
    if isinstance(y, NamedArrays):
        output = main_output(y.arrays, request.output, request.objective_place)
        further = {name: values for name, values in y.arrays.items() if name != output}
        return replace(to_rows(x, y.arrays[output], request), output=output, further=further)
    if isinstance(y, dict):
        names, columns = tuple(y), list(y.values())
        if not columns or (len(columns) > 1 and any(column.dtype.kind == "U" for column in columns)):
            raise DataError(Problem(place, f"expected y to be one column, or several of numbers, received {list(y)}"))
        y = columns[0] if len(columns) == 1 else np.column_stack(columns)
    if isinstance(x, dict):
        return RawData(to_frame(x), y, names)
    named, texts = code_texts(x if isinstance(x, NamedArrays) else NamedArrays({ONLY_INPUT: x}))
    if not isinstance(x, NamedArrays):
        return RawData(named.arrays[ONLY_INPUT], y, names, texts=texts)
    features, inputs = join_inputs(named, place)
    return RawData(features, y, names, inputs=inputs, texts=texts)


def pack(name: str, values: Plain) -> dict[str, Array]:
    """Arrays that an NPZ file holds without pickle; `unpack` and the source `npz` read them.

    Args:
        name: What they are called there: `NAME`; for a table as `pack_columns` says; for several inputs `NAME_INPUT`.
        values: Plain arrays.
    """
    if is_stored(values):
        return {name: as_features(cast(StoredRows, values))}
    if isinstance(values, np.ndarray):
        return {name: values}
    if isinstance(values, NamedArrays):
        return {f"{name}_{key}": array for key, array in values.arrays.items()}
    return pack_columns(name, values)


def unpack(archive: Mapping[str, Array], name: str) -> Plain:
    """What `pack` packed."""
    if name in archive:
        return archive[name]
    if f"{name}_columns" in archive:
        return unpack_columns(archive, name)
    return NamedArrays({key.removeprefix(f"{name}_"): archive[key] for key in archive if key.startswith(f"{name}_")})


def to_frame(columns: Mapping[str, Array]) -> pd.DataFrame:
    """A table of float64 (numbers), object (text) and datetime64[us] (dates) columns."""
    import pandas as pd

    return pd.DataFrame({name: _as_kept(values) for name, values in columns.items()})


def _as_kept(values: Array) -> Array | pd.Series[Any]:
    """A column of a table; that of text is a Series, for pandas would make its own kind of text of an array."""
    import pandas as pd

    if values.dtype.kind in "UO":
        return pd.Series(values, dtype=object)
    return values.astype("datetime64[us]" if values.dtype.kind == "M" else np.float64, copy=False)


def find_file(name: str | None, folder: Path, place: str, key: str = "path") -> Path:
    """The file that a study names, relative to its folder.

    Raises:
        DataError: No file is named, or there is none of that name.
    """
    if not name:
        raise DataError(Problem(place, f"expected {key} to name a file, received none"))
    path = folder / name
    try:
        if path.is_file():
            return path
        found = "a directory" if path.is_dir() else "no regular file" if path.exists() else "no such file"
        near = sorted(entry.name for entry in path.parent.iterdir() if entry.suffix == path.suffix)
    except OSError as error:
        found, near = error.strerror or str(error), []
    suggestion = suggest_name(path.name, near)
    message = f"expected {key} to name a file, received {quote(name)}: {found}"
    if not suggestion.startswith("Did") or path.name in near:
        suggestion = "A path is relative to the study file's folder."
    raise DataError(Problem(place, message, suggestion))


def find_code(name: str | None, folder: Path, place: str, key: str) -> Path:
    """A file of code that a study names: in its folder or below, or, where that is trusted, anywhere.

    Whoever listens is told, for the code is about to be run.

    Raises:
        DataError: No file is named, there is none of that name, or it is elsewhere and not trusted.
    """
    path = find_file(name, folder, place, key=key)
    if not is_code_trusted() and not path.resolve().is_relative_to(folder.resolve()):
        message = f"expected {key} to name a file in the folder of the study, or below, received {quote(str(name))}"
        raise DataError(Problem(place, message, "Its code would be run: read it, then copy it there or give --trust."))
    tell_code(str(name))
    return path


def hint_at_file(suffix: str, text: str) -> str:
    """What to write instead of a file's name, as a sentence; empty when it is no file of this source."""
    is_file = text.lower().endswith(f".{suffix}")
    return f'Write source = "{suffix}" and path = {show(text)}.' if is_file else ""
