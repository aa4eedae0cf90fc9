"""Mean absolute error."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from search.training.metrics._base import Rows
from search.training.metrics._counting import counting_mean
from search.training.metrics._numbers import NumberMetric, columns, errors, mean_over_all, traced_errors

if TYPE_CHECKING:
    import tensorflow as tf


class Mae(NumberMetric):
    """Mean absolute error over rows and targets."""

    name = "mae"
    direction = "minimize"

    def score(self, target: Rows, predicted: Rows, weight: Rows | None = None) -> float:
        """As `sklearn.metrics.mean_absolute_error`."""
        return mean_over_all(np.abs(errors(target, predicted)), weight)

    def row_scores(self, target: Rows, predicted: Rows) -> Rows:
        """Absolute errors, the mean over targets."""
        return np.asarray(np.abs(errors(target, predicted)).mean(axis=1))

    def traced(self, target: tf.Tensor, predicted: tf.Tensor, counts: tf.Tensor, *, weighted: bool = True) -> tf.Tensor:
        """The mean over the rows that count."""
        import tensorflow as tf

        return counting_mean(tf.reduce_mean(tf.abs(traced_errors(target, predicted)), axis=1), counts)

    def constant(self, target: Rows, n_classes: int, weight: Rows | None = None) -> Rows:
        """The median of each target, shape () or (targets,), float64: no number is nearer to all rows together."""
        if weight is None:
            return np.asarray(np.median(target.astype(np.float64), axis=0))
        medians = [_weighted_median(column, weight.astype(np.float64)) for column in columns(target).T]
        return np.reshape(medians, target.shape[1:])


def _weighted_median(values: Rows, weight: Rows) -> float:
    """The number that has half of the weight on either side; where a whole gap has, its middle."""
    order = np.argsort(values[weight > 0])
    values, until = values[weight > 0][order], np.cumsum(weight[weight > 0][order])
    lower, upper = (np.searchsorted(until, until[-1] / 2, side) for side in ("left", "right"))
    return float((values[lower] + values[upper]) / 2)
