"""Rows that a Python program has in memory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from search.data.named_inputs import NamedArrays
from search.data.sources.raw import Plain, PlainError, pack, to_plain
from search.data.stored_rows import is_stored
from search.data.wording import quote_names
from search.errors import DataError, Problem

Array = npt.NDArray[Any]


def to_arrays(x: Any, y: Any, more: tuple[Any, Any] | None = None) -> tuple[Plain, Array | NamedArrays]:
    """Features and targets as plain arrays.

    Args:
        x: Features: an array, a tensor, a list, shape (rows, ...), or a DataFrame; of several inputs a dictionary.
        y: Targets: numbers or text, shape (rows,), or numbers, shape (rows, targets); of several outputs a dictionary.
        more: Features and targets of further rows, which are put below these.

    Returns:
        Features as an array, or, of a DataFrame with text, dates or missing cells, as columns by name, or as arrays of
        several inputs; and targets, as an array or as those of several outputs.

    Raises:
        DataError: They hold something else, or the further rows are of another kind.
    """
    features, target = _plain(x, "x"), _plain(y, "y")
    if more is not None and is_stored(features):
        message = "expected features that fit into memory beside others that score, received some in a file"
        raise DataError(Problem("validation_data", message, "Give a division of the rows: folds or split.column."))
    if more is not None:
        features = _joined(features, _plain(more[0], "x of validation_data"), "x")
        target = _joined(_as_column(target), _as_column(_plain(more[1], "y of validation_data")), "y")
    if isinstance(target, dict):
        texts = [column for column, cells in target.items() if cells.dtype.kind not in "biuf"]
        if texts and len(target) > 1:
            message = f'expected several targets of numbers, received others in column "{texts[0]}"'
            raise DataError(Problem("y", message))
        columns = list(target.values())
        target = columns[0] if len(columns) == 1 else np.column_stack(columns)
    if isinstance(features, dict) and all(_is_whole(cells) for cells in features.values()):
        features = np.column_stack(list(features.values()))
    return features, target


def to_archive(features: Plain, target: Array | NamedArrays) -> dict[str, Array]:
    """Features and targets as arrays for an NPZ file that the source `npz` reads."""
    return {**pack("x", features), **pack("y", target)}


def _joined(first: Plain, second: Plain, name: str) -> Plain:
    """Rows below others of the same kind; the columns of tables may stand in another order."""
    place = "validation_data"
    if isinstance(first, dict) and isinstance(second, dict):
        if set(first) != set(second):
            others = quote_names(sorted(set(first) ^ set(second)))
            message = f"expected the columns of {name}, received a table that differs in {others}"
            raise DataError(Problem(place, message))
        return {column: _stacked(cells, second[column], f'column "{column}"') for column, cells in first.items()}
    if isinstance(first, NamedArrays) and isinstance(second, NamedArrays):
        if set(first.arrays) != set(second.arrays):
            others = quote_names(sorted(set(first.arrays) ^ set(second.arrays)))
            raise DataError(Problem(place, f"expected the inputs of {name}, received others: {others}"))
        pairs = ((key, array, second.arrays[key]) for key, array in first.arrays.items())
        return NamedArrays({key: _below(array, other, f'"{key}" of {name}') for key, array, other in pairs})
    if isinstance(first, NamedArrays) or isinstance(second, NamedArrays):
        kinds = ("several inputs", "one") if isinstance(first, NamedArrays) else ("one input", "several")
        raise DataError(Problem(place, f"expected {name} of {kinds[0]} like the other rows, received {kinds[1]}"))
    if isinstance(first, dict) or isinstance(second, dict):
        kinds = ("a table", "an array") if isinstance(first, dict) else ("an array", "a table")
        raise DataError(Problem(place, f"expected {name} to be {kinds[0]} like the other rows, received {kinds[1]}"))
    return _below(first, second, name)


def _below(first: Array, second: Array, name: str) -> Array:
    """Rows of an array below those of another."""
    if first.shape[1:] != second.shape[1:]:
        message = f"expected {name} with rows of shape {first.shape[1:]}, received {second.shape[1:]}"
        raise DataError(Problem("validation_data", message))
    return _stacked(first, second, name)


def _as_column(values: Plain) -> Plain:
    """Targets as arrays: a table of one column, and an array of one, are that column."""
    if isinstance(values, NamedArrays):
        return values
    if isinstance(values, dict):
        return next(iter(values.values())) if len(values) == 1 else values
    return values[:, 0] if values.ndim == 2 and values.shape[1] == 1 else values


def _stacked(first: Array, second: Array, name: str) -> Array:
    """One below the other; text with missing cells stays objects, and cells that are all missing are of any kind."""
    kinds = [_kind(cells) for cells in (first, second)]
    if None not in kinds and kinds[0] != kinds[1]:
        message = f"expected {name} of {kinds[0]} like the other rows, received {kinds[1]}"
        raise DataError(Problem("validation_data", message))
    if kinds[0] != kinds[1]:
        known, lacking = (first, second) if kinds[0] else (second, first)
        nothing = np.full(len(lacking), _NOTHING[kinds[0] or kinds[1] or ""])
        first, second = (known, nothing) if kinds[0] else (nothing, known)
    if "O" in (first.dtype.kind, second.dtype.kind):
        first, second = first.astype(object), second.astype(object)
    return np.concatenate([first, second])


_NOTHING: Mapping[str, Any] = {"text": None, "dates": np.datetime64("NaT", "us"), "numbers": np.nan}
"""What stands for a missing cell in a column of each kind."""


def _kind(cells: Array) -> str | None:
    """What a column is of; None where no cell is known."""
    if cells.dtype == object:
        return "text" if any(cell is not None for cell in cells) else None
    if cells.dtype.kind in "fM" and np.isnan(cells).all():
        return None
    return {"U": "text", "M": "dates"}.get(cells.dtype.kind, "numbers")


def _plain(values: Any, name: str) -> Plain:
    try:
        return to_plain(values, name)
    except PlainError as error:
        raise DataError(Problem(name.rpartition(" of ")[2], str(error))) from error


def _is_whole(cells: Array) -> bool:
    """Whether a column is of numbers, none missing."""
    return cells.dtype.kind in "biu" or (cells.dtype.kind == "f" and not np.isnan(cells).any())
