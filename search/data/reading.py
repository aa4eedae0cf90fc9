"""`read_data`: the [data] table of a study file becomes a checked `Dataset`."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from search.data.dataset import Dataset, code_columns, fingerprint
from search.data.sources import find_source
from search.data.sources.raw import LARGEST, RawData
from search.data.targets import Target, tell_target
from search.data.wording import count, quote_names
from search.errors import DataError, Problem
from search.spec.sections import DataSection, TaskName

if TYPE_CHECKING:
    import pandas as pd

Array = npt.NDArray[Any]


def read_data(section: DataSection, folder: Path, place: str = "[data]", *, scale_bytes: bool = True) -> Dataset:
    """Read, check and fingerprint the data of a study.

    Args:
        section: The [data] table.
        folder: Folder of the study file, to which the section's paths are relative.
        place: Where the table stands, for errors: `studies/moons.toml:4 [data]`.
        scale_bytes: Whether bytes become numbers from 0 to 1; a model of the user's is given them as they are.

    Raises:
        DataError: The data cannot be used; every problem that could be told at once is listed.
    """
    rows = find_source(section, place).read(section, folder, place)
    _check_sizes(rows, place)
    if section.shape is not None:
        rows = replace(rows, features=_reshape(rows.features, section.shape, place))
    if not scale_bytes and isinstance(rows.features, np.ndarray) and rows.features.dtype == np.uint8:
        note = "The features are bytes (uint8) and are given to the model as they are, from 0 to 255."
        rows = replace(rows, features=rows.features.astype(np.float32), notes=(*rows.notes, note))
    target, features, notes = _check_values(rows, section.task, place)
    is_table = not isinstance(features, np.ndarray)
    return Dataset(
        features=features,
        target=target.values,
        task=target.task,
        classes=target.classes,
        standardize=is_table if section.standardize is None else section.standardize,
        sha256=fingerprint(features, _fingerprinted(target.values), rows.target_names, target.classes),
        notes=(*rows.notes, *target.notes, *notes, *_note_constant(features)),
        scaled_bytes=_are_scaled_bytes(rows.features),
    )


def _fingerprinted(target: Array) -> Array:
    """Targets as fingerprints of earlier versions took them, which held quantities in float32."""
    return target.astype(np.float32) if target.dtype.kind == "f" else target


def _check_sizes(rows: RawData, place: str) -> None:
    features, target = rows.features, rows.target
    if features.ndim < 2:
        raise DataError(
            Problem(
                place,
                f"expected features of shape (rows, columns, ...), received shape {features.shape}",
                "For a single column use x.reshape(-1, 1).",
            )
        )
    if target.ndim == 0 or len(target) != len(features):
        raise DataError(
            Problem(
                place,
                f"expected a target for each of {count(len(features), 'row')}, received shape {target.shape}",
            )
        )
    if len(features) < 2:
        raise DataError(Problem(place, f"expected at least 2 rows, received {len(features)}"))
    if 0 in features.shape:
        raise DataError(Problem(place, f"expected at least 1 feature, received shape {features.shape}"))


def _reshape(features: Array | pd.DataFrame, shape: tuple[int, ...], place: str) -> Array:
    """Features as an array of rows of that shape; a table's columns are taken in their order."""
    if not isinstance(features, np.ndarray):
        text = [name for name in features.columns if features[name].dtype == object]
        if text:
            message = f"expected columns of numbers, since shape = {list(shape)}, received text in {quote_names(text)}"
            raise DataError(Problem(place, message, "Leave the columns out of the file, or leave shape out."))
        features = features.to_numpy()
    size, wanted = math.prod(features.shape[1:]), math.prod(shape)
    if size != wanted:
        message = f"expected rows of {wanted} numbers, since shape = {list(shape)}, received rows of {size}"
        raise DataError(Problem(place, message, "The numbers of shape multiply to the numbers of a row."))
    return features.reshape(len(features), *shape)


def _check_values(
    rows: RawData, task: TaskName | None, place: str
) -> tuple[Target, Array | pd.DataFrame, tuple[str, ...]]:
    """The checked target and features, and notes on the features; problems of both are reported together."""
    target: Target | None = None
    problems: list[Problem] = []
    try:
        target = tell_target(rows.target, task, place)
    except DataError as error:
        problems.extend(error.problems)
    try:
        features, notes = _check_features(rows.features, place)
    except DataError as error:
        problems.extend(error.problems)
        raise DataError(problems) from error
    if target is None:
        raise DataError(problems)
    return target, features, notes


def _check_features(features: Array | pd.DataFrame, place: str) -> tuple[Array | pd.DataFrame, tuple[str, ...]]:
    if isinstance(features, np.ndarray):
        return _check_array(features, place)
    return features, _check_table(features, place)


def _check_array(features: Array, place: str) -> tuple[Array, tuple[str, ...]]:
    """Features as finite float32, and a note when bytes were scaled."""
    if features.dtype.kind not in "biuf":
        raise DataError(
            Problem(
                place,
                f"expected features of numbers, received dtype {features.dtype}",
                "Text columns are taken from a csv file or a pandas DataFrame.",
            )
        )
    with np.errstate(over="ignore"):
        numbers = np.ascontiguousarray(features, dtype=np.float32)
    if len(wrong := np.argwhere(~np.isfinite(numbers))):
        first = tuple(int(index) for index in wrong[0])
        bad = features[first]
        ask = "a number that float32 can hold" if np.isfinite(bad) else "a finite number"
        more = f" (and {count(len(wrong) - 1, 'more cell')})" if len(wrong) > 1 else ""
        raise DataError(
            Problem(
                place,
                f"expected {ask} in every cell of the features, received {bad} at index "
                f"{list(first)}, counted from 0{more}",
                "Drop or fill it.",
            )
        )
    if _are_scaled_bytes(features):
        note = "The features are bytes (uint8) and were scaled from 0 ... 255 to 0 ... 1."
        return numbers / np.float32(255), (note,)
    return numbers, ()


def _are_scaled_bytes(features: Array | pd.DataFrame) -> bool:
    """Whether features are bytes that become numbers from 0 to 1; bytes that are such numbers already stay."""
    return isinstance(features, np.ndarray) and features.dtype == np.uint8 and bool(features.max() > 1)


def _check_table(features: pd.DataFrame, place: str) -> tuple[str, ...]:
    """Check the numeric columns; notes on text columns with too many values to be categories."""
    problems, notes = [], []
    for name in features.columns:
        column = features[name]
        if column.dtype == object:
            different = column.nunique()
            if different > 20 and 2 * different > len(column):
                notes.append(
                    f'Text column "{name}" has {different} different values in {len(column)} rows: '
                    f"it becomes up to {different} one-hot inputs."
                )
            continue
        values = column.to_numpy()
        if len(wrong := np.flatnonzero(~(np.abs(values) <= LARGEST))):
            more = f" (and {count(len(wrong) - 1, 'more row')})" if len(wrong) > 1 else ""
            received = f"{values[wrong[0]]} in row {wrong[0]}, counted from 0{more}"
            message = f"expected a finite number, received {received}"
            problems.append(Problem(f'{place} column "{name}"', message, "Drop or fill it."))
    if problems:
        raise DataError(problems)
    return tuple(notes)


def _note_constant(features: Array | pd.DataFrame) -> tuple[str, ...]:
    cells = code_columns(features)
    constant = np.flatnonzero((cells == cells[0]).all(axis=0))
    if not len(constant):
        return ()
    if isinstance(features, np.ndarray):
        shape = features.shape[1:]
        names = [index if len(shape) == 1 else np.unravel_index(index, shape) for index in constant.tolist()]
        named = ", ".join(str(_plain_index(name)) for name in names[:6])
        if len(names) > 6:
            named += f" and {len(names) - 6} more"
    else:
        named = quote_names(features.columns[constant])
    return (f"{len(constant)} of {cells.shape[1]} features never change: {named}.",)


def _plain_index(index: Any) -> Any:
    return index if isinstance(index, int) else tuple(int(part) for part in index)
