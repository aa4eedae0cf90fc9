"""Columns of dates: year, month, weekday, days since the first, and the hour where there are times of day."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import numpy.typing as npt

from search.data.columns._base import Array, Block, Fitting, center_and_spread, is_date
from search.data.columns.numbers import Filling

if TYPE_CHECKING:
    import pandas as pd

DAY = 86_400_000_000
"""Microseconds of a day: dates are kept as `datetime64[us]`."""


@dataclass(frozen=True, eq=False)
class Dates(Block):
    """Dates as numbers, missing ones filled with medians, scaled.

    Args:
        names: The columns.
        firsts: The first date of each among the rows that train, in days since 1970-01-01, float64.
        timed: Whether each has times of day.
        filling: What becomes of missing dates.
        scaler: scikit-learn's, fitted; None when numbers stay as they are.
    """

    names: tuple[str, ...]
    firsts: tuple[float, ...]
    timed: tuple[bool, ...]
    filling: Filling
    scaler: Any

    @classmethod
    def columns_of(cls, fitting: Fitting) -> list[str]:
        """Those of dates."""
        return [name for name in fitting.table.columns if is_date(fitting.table[name])]

    @classmethod
    def fit(cls, fitting: Fitting, names: Sequence[str]) -> Self:
        """The first dates, then medians, means and deviations of their numbers."""
        firsts = tuple(_first(days_of(fitting.train[name])) for name in names)
        timed = tuple(bool((days_of(fitting.table[name]) % 1 > 0).any()) for name in names)
        values, scaler = _numbers(fitting.train, names, firsts, timed), fitting.scaler()
        filling = Filling.fit(values, fitting)
        return cls(tuple(names), firsts, timed, filling, scaler and scaler.fit(filling.fill(values)))

    @property
    def inputs(self) -> list[str]:
        """`day: year` and the like."""
        return [
            f"{name}: {part}" for name, timed in zip(self.names, self.timed, strict=True) for part in parts_of(timed)
        ]

    @property
    def sizes(self) -> tuple[int, ...]:
        """The parts of each."""
        return tuple(len(parts_of(timed)) for timed in self.timed)

    def encode(self, table: pd.DataFrame) -> Array:
        """The numbers, float64."""
        values = np.asarray(self.filling.fill(_numbers(table, self.names, self.firsts, self.timed)))
        return values if self.scaler is None else np.asarray(self.scaler.transform(values))

    @property
    def scaling(self) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """What is subtracted, and then divided by, shape (inputs,) each."""
        return center_and_spread(self.scaler, len(self.inputs))


def parts_of(timed: bool) -> tuple[str, ...]:
    """What a date is told by, an input each."""
    return ("year", "month", "weekday", "days since the first", *(("hour",) if timed else ()))


def days_of(column: pd.Series[Any]) -> npt.NDArray[np.float64]:
    """Dates as days since 1970-01-01, shape (rows,); NaN for missing ones."""
    moments = column.to_numpy("datetime64[us]")
    return np.where(np.isnat(moments), np.nan, moments.astype(np.int64) / DAY)


def _first(days: npt.NDArray[np.float64]) -> float:
    """The first of some days; 0 where all are missing."""
    known = days[~np.isnan(days)]
    return float(np.floor(known.min())) if len(known) else 0.0


def _numbers(
    table: pd.DataFrame, names: Sequence[str], firsts: Sequence[float], timed: Sequence[bool]
) -> npt.NDArray[np.float64]:
    """The parts of all dates, shape (rows, parts of all columns); NaN where a date is missing."""
    parts: list[Array] = []
    for name, first, with_times in zip(names, firsts, timed, strict=True):
        column, days = table[name].dt, days_of(table[name])
        # Monday is 0, as in pandas.
        parts += [column.year.to_numpy(np.float64), column.month.to_numpy(np.float64)]
        parts += [column.day_of_week.to_numpy(np.float64), np.floor(days) - first]
        parts += [(days % 1) * 24] if with_times else []
    return np.column_stack(parts)
