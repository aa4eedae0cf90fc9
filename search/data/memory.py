"""Rows that a Python program has in memory."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from search.data.sources.raw import PlainError, to_plain
from search.errors import DataError, Problem


def to_arrays(x: Any, y: Any) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Features and targets as plain arrays.

    Args:
        x: Features of numbers, shape (rows, ...): an array, a tensor, a DataFrame, a list.
        y: Targets: numbers or text, shape (rows,), or numbers, shape (rows, targets).

    Raises:
        DataError: They hold something else.
    """
    return _to_array(x, "x"), _to_array(y, "y")


def _to_array(values: Any, name: str) -> npt.NDArray[Any]:
    try:
        plain = to_plain(values, name)
    except PlainError as error:
        raise DataError(Problem(name, str(error))) from error
    if isinstance(plain, np.ndarray):
        return plain
    texts = [column for column, cells in plain.items() if cells.dtype.kind == "U"]
    if texts and (name == "x" or len(plain) > 1):
        raise DataError(
            Problem(
                name,
                f'expected columns of numbers, received text in column "{texts[0]}"',
                "Write the table to a CSV file and use `regsearch init`: there, text becomes one-hot inputs.",
            )
        )
    columns = list(plain.values())
    return columns[0] if name == "y" and len(columns) == 1 else np.column_stack(columns)
