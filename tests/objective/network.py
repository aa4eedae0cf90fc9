"""A small network in NumPy, written from the equations alone, to judge Keras' objective and the engines' steps.

One hidden layer of tanh units, inverted dropout with a given mask, one sigmoid unit, and

    L = mean(-y log(p) - (1 - y) log(1 - p)) + sum over kernels of lambda * sum(W ** 2).

Weights are float64 and named by path as in Keras: `dense_1/kernel` (columns, units), `dense_1/bias` (units,),
`output/kernel` (units, 1) and `output/bias` (1,). Nothing here imports `search`, Keras or TensorFlow.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Weights = Mapping[str, Array]


@dataclass(frozen=True)
class Objective:
    """What is minimized.

    Args:
        l2: Path of a kernel to its lambda; kernels without one are not penalized.
        rate: Share of hidden units that dropout leaves out.
    """

    l2: Mapping[str, float]
    rate: float = 0.0

    def data_loss(self, weights: Weights, x: Array, y: Array, mask: npt.NDArray[np.bool_]) -> float:
        """The mean cross-entropy of rows; x of shape (rows, columns), y (rows,), mask of units kept (rows, units)."""
        p = self._forward(weights, x, mask).p
        return float(np.mean(-y * np.log(p) - (1 - y) * np.log(1 - p)))

    def penalty(self, weights: Weights) -> float:
        """The sum of all penalties."""
        return float(sum(factor * np.sum(weights[path] ** 2) for path, factor in self.l2.items()))

    def gradients(self, weights: Weights, x: Array, y: Array, mask: npt.NDArray[np.bool_]) -> dict[str, Array]:
        """The gradient of data loss and penalties with respect to every weight, by path."""
        passed = self._forward(weights, x, mask)
        by_logit = (passed.p - y)[:, None] / len(y)
        by_hidden = by_logit @ weights["output/kernel"].T * mask / (1 - self.rate)
        by_sum = by_hidden * (1 - passed.hidden**2)
        gradients = {
            "dense_1/kernel": x.T @ by_sum,
            "dense_1/bias": by_sum.sum(axis=0),
            "output/kernel": passed.dropped.T @ by_logit,
            "output/bias": by_logit.sum(axis=0),
        }
        for path, factor in self.l2.items():
            gradients[path] = gradients[path] + 2 * factor * weights[path]
        return gradients

    def step(
        self, weights: Weights, x: Array, y: Array, mask: npt.NDArray[np.bool_], learning_rate: float
    ) -> dict[str, Array]:
        """The weights after one step of gradient descent."""
        gradients = self.gradients(weights, x, y, mask)
        return {path: value - learning_rate * gradients[path] for path, value in weights.items()}

    def _forward(self, weights: Weights, x: Array, mask: npt.NDArray[np.bool_]) -> _Passed:
        hidden = np.tanh(x @ weights["dense_1/kernel"] + weights["dense_1/bias"])
        dropped = hidden * mask / (1 - self.rate)
        logit = dropped @ weights["output/kernel"] + weights["output/bias"]
        return _Passed(hidden, dropped, 1 / (1 + np.exp(-logit[:, 0])))


@dataclass(frozen=True)
class _Passed:
    """What the forward pass leaves: hidden activations, the same after dropout, and the probability of class 1."""

    hidden: Array
    dropped: Array
    p: Array


def in_float64(weights: Mapping[str, Any]) -> dict[str, Array]:
    """Weights in the precision in which this network computes."""
    return {path: np.asarray(value, np.float64) for path, value in weights.items()}
