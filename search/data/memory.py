"""Rows that a Python program has in memory."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from search.data.sources.raw import Plain, PlainError, pack_columns, to_plain
from search.errors import DataError, Problem

Array = npt.NDArray[Any]


def to_arrays(x: Any, y: Any, more: tuple[Any, Any] | None = None) -> tuple[Plain, Array]:
    """Features and targets as plain arrays.

    Args:
        x: Features: an array, a tensor, a list, shape (rows, ...), or a DataFrame.
        y: Targets: numbers or text, shape (rows,), or numbers, shape (rows, targets).
        more: Features and targets of further rows, which are put below these.

    Returns:
        Features as an array, or, of a DataFrame with text, dates or missing cells, as columns by name; and targets.

    Raises:
        DataError: They hold something else, or the further rows are of another kind.
    """
    features, target = _plain(x, "x"), _plain(y, "y")
    if more is not None:
        features = _joined(features, _plain(more[0], "x"), "x")
        target = _joined(target, _plain(more[1], "y"), "y")
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


def to_archive(features: Plain) -> dict[str, Array]:
    """Features as arrays for an NPZ file that the source `npz` reads."""
    return {"x": features} if isinstance(features, np.ndarray) else pack_columns("x", features)


def _joined(first: Plain, second: Plain, name: str) -> Plain:
    """Rows below others of the same kind."""
    place = "validation_data"
    if isinstance(first, dict) and isinstance(second, dict) and list(first) == list(second):
        return {column: _stacked(cells, second[column]) for column, cells in first.items()}
    if isinstance(first, dict) or isinstance(second, dict):
        raise DataError(Problem(place, f"expected the columns of {name}, received others"))
    if first.shape[1:] != second.shape[1:]:
        message = f"expected {name} with rows of shape {first.shape[1:]}, received {second.shape[1:]}"
        raise DataError(Problem(place, message))
    return _stacked(first, second)


def _stacked(first: Array, second: Array) -> Array:
    """One below the other; text with missing cells stays objects."""
    if "O" in (first.dtype.kind, second.dtype.kind):
        first, second = first.astype(object), second.astype(object)
    return np.concatenate([first, second])


def _plain(values: Any, name: str) -> Plain:
    try:
        return to_plain(values, name)
    except PlainError as error:
        raise DataError(Problem(name, str(error))) from error


def _is_whole(cells: Array) -> bool:
    """Whether a column is of numbers, none missing."""
    return cells.dtype.kind in "biu" or (cells.dtype.kind == "f" and not np.isnan(cells).any())
