"""The reference: what all trials of a study together hold likely of each row.

A score on few rows is a matter of luck with their labels: one row of a hundred that a confident net gets wrong decides
a log loss, and with it the comparison of two configurations. So configurations are not compared by the labels that the
rows happen to have, but by those that they might have had: the score is the one that is expected where labels are drawn
from the reference. What is left of the luck is that of the rows themselves.

The reference of a row is the mean of what the trials of the search predicted of it while it did not train them, with
its confidence corrected on the labels (temperature scaling, Guo et al. 2017, On Calibration of Modern Neural Networks):
mixtures are less sure than they could be, and of labels that are noise the correction leaves the shares of the classes.
That a mixture of all models compares them with far less variance than the labels do, and so is less often misled, is
known from Bayesian model selection (Piironen and Vehtari 2017, Comparison of Bayesian predictive methods for model
selection). Where it is wrong, so is the comparison; a verdict therefore asks the labels as well.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy.typing as npt

    Array = npt.NDArray[Any]

Score = Callable[["Array", "Array", "Array"], float]
"""A metric: class indices, predictions and weights of rows to their score."""

_LEAST_SHARE = 1e-5
"""Classes that the reference holds less likely than this are left out."""

_LOG_BOUNDS = (-4.0, 2.0)
"""Of the logarithm of the factor by which log probabilities are multiplied: from all but nothing to 7."""


@dataclass(frozen=True, eq=False)
class Reference:
    """Class probabilities of rows.

    Args:
        probabilities: Shape (rows, classes); of rows that no trial predicted, 1 for their label.
    """

    probabilities: Array

    @classmethod
    def of(cls, predicted: Iterable[tuple[Array, Array]], target: Array, n_classes: int) -> Reference | None:
        """The reference of a study.

        Args:
            predicted: Of each run of the search the positions of the rows that score it, shape (n,), and what it
                predicts of them, as `Metric.score` takes it.
            target: Class index of each row, shape (rows,).
            n_classes: Number of classes.

        Returns:
            None where nothing is predicted.
        """
        import numpy as np

        sums, counts = np.zeros((len(target), n_classes)), np.zeros(len(target))
        for rows, values in predicted:
            sums[rows] += with_both_classes(values)
            counts[rows] += 1
        known = np.flatnonzero(counts)
        if not len(known):
            return None
        probabilities = np.eye(n_classes)[target]
        probabilities[known] = _calibrated(sums[known] / counts[known, None], target[known])
        return cls(probabilities)

    def expected(self, score: Score, rows: Array, predicted: Array, weight: Array | None = None) -> float:
        """The score of predictions that is expected where labels are drawn from the reference.

        Each row is counted once for each class, by how likely that is: for a metric that is a mean over rows this is
        the expectation, and for others what comes of expected counts.

        Args:
            score: The metric.
            rows: Positions of the rows, shape (n,).
            predicted: As `Metric.score` takes it, shape (n, outputs).
            weight: How much each of them counts, shape (n,); None when all count alike.
        """
        import numpy as np

        shares = self.probabilities[rows]
        at, classes = np.nonzero(shares > _LEAST_SHARE)
        weights = shares[at, classes]
        if weight is not None:
            weights = weights * weight[at]
        return score(classes, predicted[at], weights)


def with_both_classes(predicted: Array) -> Array:
    """Probabilities of every class: of two classes a model may tell the second one's alone, shape (rows, 1)."""
    import numpy as np

    return predicted if predicted.shape[1] > 1 else np.hstack([1 - predicted, predicted])


def _calibrated(probabilities: Array, target: Array) -> Array:
    """Probabilities to a common power, the one at which the labels are likeliest; rows sum to 1."""
    import numpy as np
    from scipy.optimize import minimize_scalar

    logs = np.log(np.clip(probabilities, 1e-12, 1.0))

    def powered(log_factor: float) -> Array:
        scaled = logs * np.exp(log_factor)
        scaled -= scaled.max(axis=1, keepdims=True)
        return np.asarray(scaled - np.log(np.exp(scaled).sum(axis=1, keepdims=True)))

    def loss(log_factor: float) -> float:
        return -float(powered(log_factor)[np.arange(len(target)), target].mean())

    found = minimize_scalar(loss, bounds=_LOG_BOUNDS, method="bounded")
    return np.asarray(np.exp(powered(float(found.x))))
