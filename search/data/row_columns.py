"""Columns that say something of their rows: checked, and as a `Dataset` holds them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from search.data.date_formats import ISO, read_dates
from search.data.sources.raw import RowRole, SourceRequest
from search.data.sources.table import KEY_OF_ROLE
from search.data.wording import quote
from search.errors import DataError, Problem

Array = npt.NDArray[Any]


def check_row_columns(columns: Mapping[RowRole, Array], n_rows: int, request: SourceRequest) -> dict[str, Array]:
    """Groups, an order, parts and weights, as a `Dataset` holds them.

    Args:
        columns: As the source found them.
        n_rows: Number of rows.
        request: What was asked for.

    Raises:
        DataError: A column has another shape, holds missing values, or weights that are no numbers of at least 0.
    """
    problems, checked = [], dict[str, Array]()
    for role, column in columns.items():
        called = f"{KEY_OF_ROLE[role]} = {quote(request.beside[role])}"
        if wrong := _wrong(role, column, n_rows):
            problems.append(Problem(request.place_of(role), f"expected {called} to hold {wrong}"))
        checked[role] = column if wrong else _as_kept(role, column.reshape(n_rows))
    if problems:
        raise DataError(problems)
    if "weight" in checked and not checked["weight"].any():
        place, called = request.place_of("weight"), quote(request.beside["weight"])
        raise DataError(Problem(place, f"expected weight = {called} to count some row, received zeros only"))
    return checked


def _wrong(role: RowRole, column: Array, n_rows: int) -> str:
    """What a column should hold and does not; empty when nothing is wrong."""
    if column.shape != (n_rows,) and column.shape != (n_rows, 1):
        return f"a value for each of {n_rows} rows, received shape {column.shape}"
    if column.dtype.kind not in "biufUmM":
        return f"numbers, dates or text, received {column.dtype}"
    if column.dtype.kind in "fmM" and (column != column).any():  # NaN and NaT differ from themselves
        return "a value for each row, received missing ones"
    if role == "order" and column.dtype.kind == "U" and np.isnat(read_dates(column.ravel().tolist(), ISO)).any():
        return "numbers or dates such as 2024-12-31, received other text"
    if role != "weight":
        return ""
    if column.dtype.kind not in "biuf":
        return "numbers, received text"
    with np.errstate(over="ignore"):
        finite = np.isfinite(column.astype(np.float32))
    if not finite.all() or (column < 0).any():
        return f"finite numbers of at least 0, received {column[(column < 0) | ~finite][0]}"
    return ""


def _as_kept(role: RowRole, column: Array) -> Array:
    if role == "weight":
        return column.astype(np.float32)
    return read_dates(column.tolist(), ISO) if role == "order" and column.dtype.kind == "U" else column
