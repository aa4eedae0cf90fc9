"""Columns of numbers: one input each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import numpy.typing as npt

from search.data.columns._base import Array, Block, Fitting, center_and_spread, is_date, is_text

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class Filling:
    """Missing numbers are the median of their column; no column is left out.

    Args:
        fills: What stands in the place of a missing number, shape (columns,), float64; NaN where it stays missing.
    """

    fills: npt.NDArray[np.float64]

    @classmethod
    def fit(cls, values: Array | pd.DataFrame, fitting: Fitting) -> Filling:
        """The median of each column, 0 for one without any number."""
        if fitting.options.missing == "error":
            return cls(np.full(values.shape[1], np.nan))
        from sklearn.impute import SimpleImputer

        imputer = SimpleImputer(strategy="median", keep_empty_features=True).fit(values)
        return cls(np.nan_to_num(np.asarray(imputer.statistics_, np.float64)))

    def fill(self, values: Array | pd.DataFrame) -> Array | pd.DataFrame:
        """Numbers without gaps, of the kind that they are."""
        numbers = np.asarray(values)
        filled = np.where(np.isnan(numbers), self.fills, numbers)
        if isinstance(values, np.ndarray):
            return filled
        import pandas as pd

        # Not with `fillna`, which takes columns one by one: thousands of them half a minute.
        return pd.DataFrame(filled, values.index, values.columns)


@dataclass(frozen=True, eq=False)
class Numbers(Block):
    """Numbers, missing ones filled, scaled.

    Args:
        names: The columns.
        filling: What becomes of missing numbers.
        scaler: scikit-learn's, fitted; None when numbers stay as they are.
    """

    names: tuple[str, ...]
    filling: Filling
    scaler: Any

    @classmethod
    def columns_of(cls, fitting: Fitting) -> list[str]:
        """Those that are neither text nor dates."""
        table = fitting.table
        return [name for name in table.columns if not is_text(table[name]) and not is_date(table[name])]

    @classmethod
    def fit(cls, fitting: Fitting, names: Sequence[str]) -> Self:
        """Medians, then means and deviations."""
        values, scaler = fitting.train[list(names)], fitting.scaler()
        filling = Filling.fit(values, fitting)
        return cls(tuple(names), filling, scaler and scaler.fit(filling.fill(values)))

    @property
    def inputs(self) -> list[str]:
        """The columns' names."""
        return list(map(str, self.names))

    def encode(self, table: pd.DataFrame) -> Array:
        """The numbers, float64."""
        values = self.filling.fill(table[list(self.names)])
        return np.asarray(values if self.scaler is None else self.scaler.transform(values))

    @property
    def scaling(self) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """What is subtracted, and then divided by, shape (columns,) each."""
        return center_and_spread(self.scaler, len(self.names))
