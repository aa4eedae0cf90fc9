"""The threshold of a probability at which the choice between two classes scores best."""

from __future__ import annotations

import numpy as np

from search.training.metrics._base import Metric, Rows
from search.training.metrics._classes import DecisionMetric

_ROUNDING = 1e-12
"""By how much two scores may differ that are equal: sums of weights and means of shares round."""


def best_threshold(metric: Metric, target: Rows, probability: Rows, weight: Rows | None = None) -> float:
    """The threshold that some rows are told apart best with: class 1 where `probability > threshold`.

    Every threshold between two neighbouring probabilities chooses alike, so that one of each gap is tried: its middle,
    where 0 and 1 count as neighbours of the first and the last probability.

    Args:
        metric: One of the metrics of the classes that are chosen: accuracy, balanced_accuracy, f1_macro.
        target: Class indices of two classes, int, shape (rows,).
        probability: Of class 1, from 0 to 1, shape (rows,) or (rows, 1).
        weight: How much each row counts, as in `Metric.score`.

    Returns:
        The threshold, in (0, 1); of several that score alike the one nearest to 0.5, and the lower of two. 0.5 where
        no row counts.

    Raises:
        ValueError: The metric is not one of choices, or the rows are not of two classes.
    """
    if not isinstance(metric, DecisionMetric):
        raise ValueError(f"expected a metric of the classes that are chosen, received {metric.name}")
    values = np.reshape(probability, -1).astype(np.float64)
    if len(values) != len(target) or not np.isin(target, (0, 1)).all() or not ((values >= 0) & (values <= 1)).all():
        raise ValueError("expected a probability from 0 to 1 and a class of 0 or 1 for each row, received others")
    counts = np.ones(len(values)) if weight is None else weight.astype(np.float64)
    order = np.argsort(values)
    order = order[counts[order] > 0]
    if not len(order):
        return 0.5
    thresholds, n_below = _gaps(values[order])
    scores = _scores(metric, target[order], counts[order], n_below)
    best = scores >= scores.max() - _ROUNDING
    return float(min(thresholds[best], key=lambda threshold: abs(threshold - 0.5)))


def _gaps(ordered: Rows) -> tuple[Rows, Rows]:
    """A threshold within each gap between neighbouring probabilities, and how many rows lie below it."""
    edges = np.unique(np.concatenate([[0.0], ordered, [1.0]]))
    lower, upper = edges[:-1], edges[1:]
    middle = lower + (upper - lower) / 2
    # Between neighbours among floating-point numbers there is no third: the lower one parts them as well.
    thresholds = np.where(middle < upper, middle, lower)
    thresholds = thresholds[(thresholds > 0) & (thresholds < 1)]
    return thresholds, np.searchsorted(ordered, thresholds, "right")


def _scores(metric: DecisionMetric, target: Rows, counts: Rows, n_below: Rows) -> Rows:
    """The score of each threshold.

    Args:
        metric: The metric.
        target: Classes of the rows in the order of their probabilities.
        counts: How much each of them counts.
        n_below: How many rows each threshold leaves to class 0.
    """
    of_class = counts[:, None] * (target[:, None] == np.arange(2))
    until = np.concatenate([np.zeros((1, 2)), np.cumsum(of_class, axis=0)])
    below, above = until[n_below], until[-1] - until[n_below]
    hits = np.stack([below[:, 0], above[:, 1]], axis=-1)
    claimed = np.stack([below.sum(axis=-1), above.sum(axis=-1)], axis=-1)
    return metric.of_counts(hits, np.broadcast_to(until[-1], hits.shape), claimed)
