"""ZCA whitening: features without correlations and of equal variance, as near to the given ones as can be."""

from __future__ import annotations

import weakref

import numpy as np
import numpy.typing as npt

from search.techniques._base import DataTechnique
from search.techniques._domains import positive
from search.techniques.row_steps import Whitening

_Decomposition = tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], npt.NDArray[np.float64]]


class Zca(DataTechnique):
    """`(row - mean) @ U @ diag(1 / sqrt(s + value)) @ U.T`, of the training rows' covariance `U @ diag(s) @ U.T`.

    Source: Bell and Sejnowski 1997, The "independent components" of natural scenes are edge filters; Krizhevsky 2009,
        Learning multiple layers of features from tiny images, appendix A.
    """

    name = "zca"
    off = -1.0
    domain = positive(
        "added to the variance along each principal axis before rows are divided by its root",
        "Krizhevsky 2009",
        weak="high",
    )

    def __init__(self) -> None:
        self._last: tuple[weakref.ref[npt.NDArray[np.float32]], _Decomposition] | None = None

    def fit(self, x_train: npt.NDArray[np.float32], value: float) -> Whitening:
        """The whitening of these rows.

        Args:
            x_train: The rows that train, shape (rows, ...). Those of the last call, the very same array, are not
                decomposed again: a search tries many values on a fold.
            value: Epsilon, in the units of a feature's variance.
        """
        if self._last is None or self._last[0]() is not x_train:
            self._last = weakref.ref(x_train, self._forget), _decompose(x_train)
        mean, variances, axes = self._last[1]
        return Whitening(mean, (axes / np.sqrt(variances + value)) @ axes.T)

    def _forget(self, gone: weakref.ref[npt.NDArray[np.float32]]) -> None:
        """The rows have gone, and nobody will ask for their decomposition again."""
        if self._last is not None and self._last[0] is gone:
            self._last = None


def _decompose(rows: npt.NDArray[np.float32]) -> _Decomposition:
    """Mean, variances along the principal axes and these axes as columns, of rows of any shape."""
    flat = rows.reshape(len(rows), -1).astype(np.float64)
    mean = flat.mean(axis=0)
    centred = flat - mean
    variances, axes = np.linalg.eigh(centred.T @ centred / len(flat))
    return mean, np.maximum(variances, 0), axes
