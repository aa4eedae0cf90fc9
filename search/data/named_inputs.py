"""Rows of several inputs: an array for each, beside one another in one array while a study has them.

Everything between a source and a model (splits, scaling, techniques on rows, batches) then has one kind of rows, and a
model takes each input out of its place again (`search.models.joining`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from search.data.wording import quote_names
from search.errors import DataError, Problem

Array = npt.NDArray[Any]

InputShapes = tuple[tuple[str, tuple[int, ...]], ...]
"""Name of each input and the shape of one row of it, in the order in which they stand; none for rows of one input."""


@dataclass(frozen=True, eq=False)
class NamedArrays:
    """Arrays by the name of the input that they go to, rows first."""

    arrays: Mapping[str, Array]


ONLY_INPUT = "x"
"""The name of the input of rows that have but one."""


def code_texts(named: NamedArrays) -> tuple[NamedArrays, dict[str, Array]]:
    """Arrays of text as places in a list of their different cells, and these lists; arrays of numbers as they are.

    Args:
        named: Arrays of numbers or text, None where it is missing; shape (rows, ...) each.
    """
    arrays, texts = dict(named.arrays), dict[str, Array]()
    for name, cells in named.arrays.items():
        if cells.dtype.kind == "O":
            missing = np.array([cell is None for cell in cells.flat]).reshape(cells.shape)
            cells = np.where(missing, "", cells).astype(str)
        if cells.dtype.kind == "U":
            texts[name], places = np.unique(cells, return_inverse=True)
            rows = places.reshape(cells.shape).astype(np.float32)
            arrays[name] = rows[:, None] if rows.ndim == 1 else rows
    return NamedArrays(arrays), texts


def join_inputs(named: NamedArrays, place: str) -> tuple[Array, InputShapes]:
    """All inputs of a row beside one another; one alone stays as it is.

    Args:
        named: Arrays of numbers, shape (rows, ...) each; one of shape (rows,) has rows of shape (1,).
        place: Where they come from, for errors.

    Returns:
        Shape (rows, numbers of all inputs), and the inputs; none where there is but one.

    Raises:
        DataError: They have different numbers of rows, or one is none of numbers.
    """
    arrays = {name: array[:, None] if array.ndim == 1 else array for name, array in named.arrays.items()}
    kinds = [f'"{name}" of dtype {array.dtype}' for name, array in arrays.items() if array.dtype.kind not in "biuf"]
    if kinds:
        message = f"expected inputs of numbers, received {', '.join(kinds)}"
        raise DataError(Problem(place, message, "Text is taken from the columns of a table."))
    if len(arrays) > 1 and (alone := [name for name, array in arrays.items() if array.ndim == 0]):
        raise DataError(
            Problem(place, f"expected rows in each input, received a single number in {quote_names(alone)}")
        )
    lengths = {name: len(array) if array.ndim else 0 for name, array in arrays.items()}
    if len(set(lengths.values())) > 1:
        received = ", ".join(f'{length} in "{name}"' for name, length in lengths.items())
        raise DataError(Problem(place, f"expected as many rows in each input, received {received}"))
    if len(arrays) == 1:
        return next(iter(arrays.values())), ()
    flat = np.concatenate([array.reshape(len(array), math.prod(array.shape[1:])) for array in arrays.values()], axis=1)
    return flat, tuple((name, tuple(map(int, array.shape[1:]))) for name, array in arrays.items())


def split_inputs(rows: Array, inputs: InputShapes) -> dict[str, Array]:
    """What `join_inputs` put beside one another, by name."""
    ends = np.cumsum([math.prod(shape) for _, shape in inputs])[:-1]
    parts = np.split(rows, ends, axis=1)
    return {name: part.reshape(len(rows), *shape) for (name, shape), part in zip(inputs, parts, strict=True)}


def name_cell(column: int, inputs: InputShapes) -> str:
    """Where a number of a joined row is: `left[3]`, `right[0, 5]`, counted from 0."""
    for name, shape in inputs:
        if column < math.prod(shape):
            return f"{name}{[int(index) for index in np.unravel_index(column, shape)]}"
        column -= math.prod(shape)
    raise ValueError(f"expected a column of {quote_names([name for name, _ in inputs])}, received one behind them")


def in_words(inputs: Sequence[tuple[str, tuple[int | None, ...]]]) -> str:
    """The inputs with their shapes: `"left" (4,), "right" (8, 8)`."""
    return ", ".join(f'"{name}" {shape}' for name, shape in inputs)
