"""Columns of text that become the mean target of the rows of that text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import numpy.typing as npt

from search.data.columns._base import Array, Block, Fitting, center_and_spread

if TYPE_CHECKING:
    import pandas as pd

_MOST_FOLDS = 5
_SEED = 0  # of the folds of rows that train: the same rows are the same inputs


@dataclass(frozen=True, eq=False)
class TargetEncoded(Block):
    """The mean target of each category, drawn towards the mean of all; missing cells are a category.

    Rows that train get the mean of others than themselves (scikit-learn's cross fitting): what is learned from their
    own targets would hold for no other row.

    Args:
        names: The columns.
        encoder: scikit-learn's `TargetEncoder`, fitted; one input a column, or with several classes one for each.
        scaler: scikit-learn's, fitted on what rows that train get; None when inputs stay as they are.
    Source: Micci-Barreca 2001; the smoothing is scikit-learn's empirical Bayes estimate.
    """

    names: tuple[str, ...]
    encoder: Any
    scaler: Any

    @classmethod
    def columns_of(cls, fitting: Fitting) -> list[str]:
        """Those that the study names."""
        return [name for name in fitting.table.columns if name in fitting.options.target_encode]

    @classmethod
    def fit(cls, fitting: Fitting, names: Sequence[str]) -> Self:
        """Mean targets of categories."""
        encoder, values = _fit(fitting, names)
        scaler = fitting.scaler()
        return cls(tuple(names), encoder, scaler and scaler.fit(values))

    @property
    def inputs(self) -> list[str]:
        """`city: mean target`, or with several classes `city: share of yes`."""
        if self.n_outputs == 1:
            return [f"{name}: mean target" for name in self.names]
        return [f"{name}: share of class {index}" for name in self.names for index in range(self.n_outputs)]

    @property
    def n_outputs(self) -> int:
        """Inputs that a column becomes."""
        return len(self.encoder.encodings_) // len(self.names)

    def encode(self, table: pd.DataFrame) -> Array:
        """Means of the rows that train, float64; the mean of all for texts that none of them has."""
        return self._scaled(self.encoder.transform(_texts(table, self.names)))

    def encode_train(self, fitting: Fitting) -> Array:
        """Means of other rows."""
        return self._scaled(_fit(fitting, self.names)[1])

    def means(self, name: str) -> tuple[list[str], npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """What the categories of a column become before they are scaled.

        Returns:
            The categories, "" for missing cells; their means, shape (categories, outputs); and those of any other
            text, shape (outputs,).
        """
        position, n = self.names.index(name), self.n_outputs
        means = np.column_stack(self.encoder.encodings_[position * n : (position + 1) * n])
        return list(self.encoder.categories_[position]), means, np.atleast_1d(self.encoder.target_mean_)

    @property
    def scaling(self) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """What is subtracted, and then divided by, shape (inputs,) each."""
        return center_and_spread(self.scaler, len(self.inputs))

    def _scaled(self, values: Array) -> Array:
        return values if self.scaler is None else np.asarray(self.scaler.transform(values))


def _fit(fitting: Fitting, names: Sequence[str]) -> tuple[Any, Array]:
    """scikit-learn's encoder, and what the rows that it was fitted on become."""
    from sklearn.model_selection import KFold, StratifiedKFold
    from sklearn.preprocessing import TargetEncoder

    target = fitting.target[fitting.rows]
    if fitting.n_classes:
        kind, target_type = StratifiedKFold, "binary" if fitting.n_classes == 2 else "multiclass"
        most = int(np.bincount(target, minlength=fitting.n_classes).min())
    else:
        kind, target_type, most = KFold, "continuous", len(target)
    folds = kind(max(2, min(_MOST_FOLDS, most)), shuffle=True, random_state=_SEED)
    encoder = TargetEncoder(target_type=target_type, cv=folds)
    values = encoder.fit_transform(_texts(fitting.train, names), target)
    return encoder, np.asarray(values)


def _texts(table: pd.DataFrame, names: Sequence[str]) -> Array:
    """Cells of text, missing ones as "", shape (rows, columns), object."""
    return table[list(names)].fillna("").to_numpy(object)
