"""Average precision: the area under the curve of precision over recall, as steps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from search.training.metrics._base import Rows
from search.training.metrics._ranking import RankingMetric, at_least, traced_weight_above, weight_above

if TYPE_CHECKING:
    import tensorflow as tf


class AveragePrecision(RankingMetric):
    """Mean, over the rows of a class, of the precision among all rows ranked as high or higher."""

    name = "average_precision"
    direction = "maximize"

    def _of_class(self, truth: Rows, values: Rows) -> float:
        first, _ = at_least(values)
        n_as_high = len(values) - first
        ordered = np.sort(values[truth])
        yes_as_high = len(ordered) - np.searchsorted(ordered, values[truth], "left")
        return float((yes_as_high / n_as_high[truth]).mean())

    def _of_weighted_class(self, truth: Rows, values: Rows, weight: Rows) -> float:
        _, as_high = weight_above(values, weight, values[truth])
        _, yes_as_high = weight_above(values[truth], weight[truth], values[truth])
        return float(np.average(yes_as_high / as_high, weights=weight[truth]))

    def _traced_of_class(self, yes: tf.Tensor, no: tf.Tensor, values: tf.Tensor) -> tf.Tensor:
        import tensorflow as tf

        of_class, counting = tf.where(yes > 0, values, np.inf), tf.where(yes + no > 0, values, np.inf)
        n_yes, n_rows = tf.reduce_sum(yes), tf.reduce_sum(yes + no)
        above = n_rows - tf.cast(tf.searchsorted(tf.sort(counting), values, "left"), tf.float32)
        yes_above = n_yes - tf.cast(tf.searchsorted(tf.sort(of_class), values, "left"), tf.float32)
        precision = yes_above / tf.maximum(above, 1.0)
        return tf.reduce_sum(precision * yes) / tf.maximum(n_yes, 1.0)

    def _traced_of_weighted_class(self, yes: tf.Tensor, no: tf.Tensor, values: tf.Tensor) -> tf.Tensor:
        import tensorflow as tf

        _, as_high = traced_weight_above(values, yes + no)
        _, yes_as_high = traced_weight_above(values, yes)
        precision = tf.math.divide_no_nan(yes_as_high, as_high)
        return tf.math.divide_no_nan(tf.reduce_sum(precision * yes), tf.reduce_sum(yes))
