"""What metrics of regressions share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from search.training.metrics._base import Metric, Rows
from search.training.metrics._counting import row_mean

if TYPE_CHECKING:
    import tensorflow as tf


class NumberMetric(Metric):
    """A metric of regressions; default: the best constant is the mean, as it is for squared errors."""

    tasks = frozenset({"regression"})

    def constant(self, target: Rows, n_classes: int, weight: Rows | None = None) -> Rows:
        """The mean of each target, shape () or (targets,), float64."""
        return np.asarray(row_mean(target, weight))


def columns(values: Rows) -> Rows:
    """One column a target, in double precision, shape (rows, targets)."""
    return values.reshape(len(values), -1).astype(np.float64)


def errors(target: Rows, predicted: Rows) -> Rows:
    """Predicted less true numbers, shape (rows, targets), float64."""
    return columns(predicted) - columns(target)


def mean_over_all(values: Rows, weight: Rows | None) -> float:
    """The mean over rows and targets of values of shape (rows, targets); rows have weights as in `Metric.score`."""
    return float(values.mean() if weight is None else row_mean(values.mean(axis=1), weight))


def traced_errors(target: tf.Tensor, predicted: tf.Tensor) -> tf.Tensor:
    """Predicted less true numbers, shape (rows, targets), float32."""
    import tensorflow as tf

    return predicted - tf.cast(target, tf.float32)
