"""What a kind of column is, and what it is fitted on."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import pandas as pd

Array = npt.NDArray[Any]
Missing = Literal["indicate", "impute", "error"]


@dataclass(frozen=True)
class TableOptions:
    """What a study says of the columns of its table.

    Args:
        missing: What becomes of missing cells: `impute` puts the median or the most frequent category in their place,
            `indicate` adds an input that says so, `error` leaves none.
        min_frequency: Categories of fewer rows are one together; None keeps all.
        target_encode: Columns of text that become the mean target of rows of that text.
        date_formats: Columns that were text and are dates, each with the format that it had.
    """

    missing: Missing = "indicate"
    min_frequency: int | None = None
    target_encode: tuple[str, ...] = ()
    date_formats: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Fitting:
    """What blocks are fitted on.

    Args:
        table: All rows of the data set, which tell how many inputs there are: those categories and gaps that no row
            that trains has become inputs, too, so that every fold has the same.
        rows: Positions of the rows that train.
        target: Targets of all rows, shape (n,) or (n, targets).
        n_classes: Number of classes; 0 for a regression.
        standardize: Whether numbers are scaled to mean 0 and deviation 1.
        options: What the study says of the columns.
    """

    table: pd.DataFrame
    rows: npt.NDArray[np.int64]
    target: Array
    n_classes: int
    standardize: bool
    options: TableOptions

    @cached_property
    def train(self) -> pd.DataFrame:
        """The rows that train."""
        return self.table.iloc[self.rows].reset_index(drop=True)

    def scaler(self) -> Any:
        """An unfitted scaler of numbers; None when they stay as they are."""
        if not self.standardize:
            return None
        from sklearn.preprocessing import StandardScaler

        return StandardScaler()


class Block(ABC):
    """All columns of one kind, as fitted. It pickles."""

    names: tuple[str, ...]

    @classmethod
    @abstractmethod
    def columns_of(cls, fitting: Fitting) -> list[str]:
        """The columns that are of this kind, in the table's order."""

    @classmethod
    @abstractmethod
    def fit(cls, fitting: Fitting, names: Sequence[str]) -> Self:
        """Fit some columns, at least one, on the rows that train."""

    @property
    @abstractmethod
    def inputs(self) -> list[str]:
        """What each input is: `width`, or `color = red` for a category."""

    @property
    def sizes(self) -> tuple[int, ...]:
        """How many inputs each column of `names` makes."""
        return (1,) * len(self.names)

    @abstractmethod
    def encode(self, table: pd.DataFrame) -> Array:
        """Inputs of rows, shape (rows, inputs).

        Args:
            table: At least one row, with the columns that the block was fitted on.
        """

    def encode_train(self, fitting: Fitting) -> Array:
        """Inputs of the very rows that the block was fitted on; others than `encode` gives where they would tell of a
        row's own target."""
        return self.encode(fitting.train)


def is_text(column: pd.Series[Any]) -> bool:
    """Whether a column of a table is text; missing cells are None."""
    return column.dtype == object


def is_date(column: pd.Series[Any]) -> bool:
    """Whether a column of a table is of dates; missing cells are NaT."""
    return column.dtype.kind == "M"


def center_and_spread(scaler: Any, n_inputs: int) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """What each input has subtracted, and is then divided by, shape (inputs,) each; 0 and 1 without a scaler."""
    if scaler is None:
        return np.zeros(n_inputs), np.ones(n_inputs)
    return scaler.mean_, scaler.scale_
