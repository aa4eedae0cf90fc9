"""Columns with missing cells: an input that says where."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np

from search.data.columns._base import Array, Block, Fitting

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class Gaps(Block):
    """1 where a cell is missing, of any kind of column.

    Args:
        names: The columns.
    """

    names: tuple[str, ...]

    @classmethod
    def columns_of(cls, fitting: Fitting) -> list[str]:
        """Those in which a cell of any row is missing; what is a category of its own is not told twice."""
        if fitting.options.missing != "indicate":
            return []
        holed = fitting.table.isna().any()
        return [name for name in fitting.table.columns if holed[name] and name not in fitting.options.target_encode]

    @classmethod
    def fit(cls, fitting: Fitting, names: Sequence[str]) -> Self:
        """Nothing is learned."""
        return cls(tuple(names))

    @property
    def inputs(self) -> list[str]:
        """`width is missing`."""
        return [f"{name} is missing" for name in self.names]

    def encode(self, table: pd.DataFrame) -> Array:
        """1 and 0, float32."""
        return table[list(self.names)].isna().to_numpy(np.float32)
