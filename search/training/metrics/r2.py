"""Coefficient of determination."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from search.training.metrics._base import Rows
from search.training.metrics._counting import row_mean
from search.training.metrics._numbers import NumberMetric, columns, errors, traced_errors

if TYPE_CHECKING:
    import tensorflow as tf


class R2(NumberMetric):
    """Share of the variance that is explained, the mean over targets.

    A target that does not vary counts 1 when it is predicted exactly and 0 otherwise.
    """

    name = "r2"
    direction = "maximize"

    def score(self, target: Rows, predicted: Rows, weight: Rows | None = None) -> float:
        """As `sklearn.metrics.r2_score`."""
        truth, wrong = columns(target), errors(target, predicted)
        if weight is not None and not weight.any():
            return float("nan")
        if weight is None:
            unexplained, total = np.square(wrong).sum(axis=0), np.square(truth - truth.mean(axis=0)).sum(axis=0)
            varies = total > 0
        else:
            # A weighted mean of equal numbers need not be that number to the last digit.
            varies = (truth[weight > 0] != truth[weight > 0][:1]).any(axis=0)
            unexplained = row_mean(np.square(wrong), weight)
            total = row_mean(np.square(truth - row_mean(truth, weight)), weight)
        ratio = np.divide(unexplained, total, out=np.zeros_like(total), where=varies)
        return float(np.where(varies, 1 - ratio, unexplained == 0).mean())

    def traced(self, target: tf.Tensor, predicted: tf.Tensor, counts: tf.Tensor, *, weighted: bool = True) -> tf.Tensor:
        """The mean over targets, of the rows that count."""
        import tensorflow as tf

        truth, column = tf.cast(target, tf.float32), counts[:, None]
        mean = tf.reduce_sum(truth * column, axis=0) / tf.reduce_sum(counts)
        unexplained = tf.reduce_sum(tf.square(traced_errors(target, predicted)) * column, axis=0)
        total = tf.reduce_sum(tf.square(truth - mean) * column, axis=0)
        varies = total > 0
        explained = 1 - unexplained / tf.where(varies, total, 1.0)
        return tf.reduce_mean(tf.where(varies, explained, tf.cast(unexplained == 0, tf.float32)))
