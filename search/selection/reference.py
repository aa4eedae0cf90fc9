"""The reference: what all trials of a study together hold likely of each row.

A score on few rows is a matter of luck with their labels: one row of a hundred that a confident net gets wrong decides
a log loss, and with it the comparison of two configurations. So configurations are not compared by the labels that the
rows happen to have, but by those that they might have had: the score is the one that is expected where labels are drawn
from the reference. What is left of the luck is that of the rows themselves.

The reference of a row is the mean of what the trials of the search predicted of it while it did not train them, with
its confidence corrected on the labels (temperature scaling, Guo et al. 2017, On Calibration of Modern Neural Networks):
mixtures are less sure than they could be, and of labels that are noise the correction leaves the shares of the classes.
Numbers are corrected by a line, and err as the rows do. That a mixture of all models compares them with far less
variance than the labels do, and so is less often misled, is known from Bayesian model selection (Piironen and Vehtari
2017, Comparison of Bayesian predictive methods for model selection). Where it is wrong, so is the comparison; a verdict
therefore asks the labels as well.
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

_N_ERRORS = 25
"""Errors that stand for those of all rows, where targets are numbers."""


@dataclass(frozen=True, eq=False)
class Reference:
    """The targets that rows might have, and how likely each is.

    Args:
        targets: Class indices, shape (rows, choices), or numbers, shape (rows, choices) or (rows, choices, targets).
        shares: Shape (rows, choices); each row's sum to 1. A row that no trial predicted has its own target alone.
    """

    targets: Array
    shares: Array

    @classmethod
    def of(cls, predicted: Iterable[tuple[Array, Array]], target: Array, n_classes: int) -> Reference | None:
        """The reference of a study.

        Args:
            predicted: Of each run of the search the positions of the rows that score it, shape (n,), and what it
                predicts of them, as `Metric.score` takes it.
            target: Of each row, as `Metric.score` takes it.
            n_classes: Number of classes; 0 for a regression.

        Returns:
            None where nothing is predicted.
        """
        import numpy as np

        width = n_classes or int(np.prod(target.shape[1:]))
        sums, counts = np.zeros((len(target), width)), np.zeros(len(target))
        for rows, values in predicted:
            sums[rows] += with_both_classes(values) if n_classes else values.reshape(len(rows), width)
            counts[rows] += 1
        known = np.flatnonzero(counts)
        if not len(known):
            return None
        means = sums[known] / counts[known, None]
        if n_classes:
            return cls._of_classes(means, known, target, n_classes)
        return cls._of_numbers(means, known, target)

    @classmethod
    def _of_classes(cls, means: Array, known: Array, target: Array, n_classes: int) -> Reference:
        import numpy as np

        shares = np.eye(n_classes)[target]
        shares[known] = _calibrated(means, target[known])
        return cls(np.broadcast_to(np.arange(n_classes), shares.shape), shares)

    @classmethod
    def _of_numbers(cls, means: Array, known: Array, target: Array) -> Reference:
        """Numbers that are predicted, made unbiased by a line for each, and a few errors like those of the rows."""
        import numpy as np

        flat = target.reshape(len(target), -1).astype(np.float64)
        centres = np.stack([_on_line(means[:, at], flat[known, at]) for at in range(flat.shape[1])], axis=1)
        errors = _spread(flat[known] - centres)
        targets = np.repeat(flat[:, None], len(errors), axis=1)
        targets[known] = centres[:, None] + errors
        shares = np.full(targets.shape[:2], 1 / len(errors))
        return cls(targets.reshape(*targets.shape[:2], *target.shape[1:]), shares)

    def expected(self, score: Score, rows: Array, predicted: Array, weight: Array | None = None) -> float:
        """The score of predictions that is expected where targets are drawn from the reference.

        Each row is counted once for each target that it might have, by how likely that is: for a metric that is a mean
        over rows this is the expectation, and for others what comes of expected counts.

        Args:
            score: The metric.
            rows: Positions of the rows, shape (n,).
            predicted: As `Metric.score` takes it, shape (n, outputs).
            weight: How much each of them counts, shape (n,); None when all count alike.
        """
        import numpy as np

        shares = self.shares[rows]
        at, choices = np.nonzero(shares > _LEAST_SHARE)
        weights = shares[at, choices]
        if weight is not None:
            weights = weights * weight[at]
        return score(self.targets[rows][at, choices], predicted[at], weights)


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


def _on_line(predicted: Array, target: Array) -> Array:
    """Predictions on the line by which targets follow them best."""
    import numpy as np

    centred = predicted - predicted.mean()
    squares = float(centred @ centred)
    slope = float(centred @ (target - target.mean())) / squares if squares > 0 else 0.0
    return np.asarray(target.mean() + slope * centred)


def _spread(errors: Array) -> Array:
    """A few of the errors of rows, from the smallest to the largest, shape (choices, targets); their mean is 0."""
    import numpy as np

    order = np.argsort(errors[:, 0] if errors.shape[1] == 1 else np.linalg.norm(errors, axis=1), kind="stable")
    picked = errors[order[np.linspace(0, len(errors) - 1, min(_N_ERRORS, len(errors))).round().astype(int)]]
    return np.asarray(picked - picked.mean(axis=0))
