"""Area under the ROC curve: how often a row of a class is ranked above one that is not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from search.training.metrics._base import Rows
from search.training.metrics._ranking import RankingMetric, at_least, traced_weight_above, weight_above

if TYPE_CHECKING:
    import tensorflow as tf


class RocAuc(RankingMetric):
    """Share of pairs of a row of a class and one of another that the class's probability orders; ties count half.

    A pair of rows with weights counts as much as their product.
    """

    name = "roc_auc"
    direction = "maximize"

    def _of_class(self, truth: Rows, values: Rows) -> float:
        # Mann and Whitney 1947, by the mean ranks.
        first, last = at_least(values)
        n_yes, n_no = int(truth.sum()), int((~truth).sum())
        ranks = (first + last + 1) / 2
        return float((ranks[truth].sum() - n_yes * (n_yes + 1) / 2) / (n_yes * n_no))

    def _of_weighted_class(self, truth: Rows, values: Rows, weight: Rows) -> float:
        above, as_high = weight_above(values[~truth], weight[~truth], values[truth])
        return float(1 - np.average((above + as_high) / 2, weights=weight[truth]) / weight[~truth].sum())

    def _traced_of_class(self, yes: tf.Tensor, no: tf.Tensor, values: tf.Tensor) -> tf.Tensor:
        import tensorflow as tf

        ordered = tf.sort(values)
        first, last = (tf.searchsorted(ordered, values, side) for side in ("left", "right"))
        ranks = tf.cast(first + last + 1, tf.float32) / 2
        n_yes = tf.reduce_sum(yes)
        pairs = tf.maximum(n_yes * tf.reduce_sum(no), 1.0)
        return (tf.reduce_sum(ranks * yes) - n_yes * (n_yes + 1) / 2) / pairs

    def _traced_of_weighted_class(self, yes: tf.Tensor, no: tf.Tensor, values: tf.Tensor) -> tf.Tensor:
        import tensorflow as tf

        above, as_high = traced_weight_above(values, no)
        wrong = tf.reduce_sum((above + as_high) / 2 * yes)
        return 1 - tf.math.divide_no_nan(tf.math.divide_no_nan(wrong, tf.reduce_sum(yes)), tf.reduce_sum(no))
