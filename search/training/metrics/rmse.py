"""Root mean squared error: in the unit of the target."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from search.training.metrics._base import Rows
from search.training.metrics._counting import counting_mean, row_mean
from search.training.metrics._numbers import NumberMetric, errors, traced_errors

if TYPE_CHECKING:
    import tensorflow as tf


class Rmse(NumberMetric):
    """Mean over targets of the root of each one's mean squared error."""

    name = "rmse"
    direction = "minimize"

    def score(self, target: Rows, predicted: Rows, weight: Rows | None = None) -> float:
        """As `sklearn.metrics.root_mean_squared_error`."""
        return float(np.sqrt(row_mean(np.square(errors(target, predicted)), weight)).mean())

    def traced(self, target: tf.Tensor, predicted: tf.Tensor, counts: tf.Tensor, *, weighted: bool = True) -> tf.Tensor:
        """The mean over targets, of the rows that count."""
        import tensorflow as tf

        squares = tf.transpose(tf.square(traced_errors(target, predicted)))
        return tf.reduce_mean(tf.sqrt(tf.stack([counting_mean(each, counts) for each in tf.unstack(squares)])))
