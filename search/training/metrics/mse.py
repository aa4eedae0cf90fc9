"""Mean squared error."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from search.training.metrics._base import Rows
from search.training.metrics._counting import counting_mean
from search.training.metrics._numbers import NumberMetric, errors, mean_over_all, traced_errors

if TYPE_CHECKING:
    import tensorflow as tf


class Mse(NumberMetric):
    """Mean squared error over rows and targets."""

    name = "mse"
    direction = "minimize"

    def score(self, target: Rows, predicted: Rows, weight: Rows | None = None) -> float:
        """As `sklearn.metrics.mean_squared_error`."""
        return mean_over_all(np.square(errors(target, predicted)), weight)

    def row_scores(self, target: Rows, predicted: Rows) -> Rows:
        """Squared errors, the mean over targets."""
        return np.asarray(np.square(errors(target, predicted)).mean(axis=1))

    def traced(self, target: tf.Tensor, predicted: tf.Tensor, counts: tf.Tensor, *, weighted: bool = True) -> tf.Tensor:
        """The mean over the rows that count."""
        import tensorflow as tf

        return counting_mean(tf.reduce_mean(tf.square(traced_errors(target, predicted)), axis=1), counts)
