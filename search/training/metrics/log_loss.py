"""Log loss: how surprised the predicted probabilities are by the true classes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from search.training.metrics._base import Rows
from search.training.metrics._classes import ClassMetric, class_probabilities, traced_targets
from search.training.metrics._counting import counting_mean, row_mean

if TYPE_CHECKING:
    import tensorflow as tf


class LogLoss(ClassMetric):
    """Mean of -log(probability of the true class), probabilities clipped at the machine epsilon of their type."""

    name = "log_loss"
    direction = "minimize"

    def score(self, target: Rows, predicted: Rows, weight: Rows | None = None) -> float:
        """As `sklearn.metrics.log_loss`."""
        return float(row_mean(self.row_scores(target, predicted), weight))

    def row_scores(self, target: Rows, predicted: Rows) -> Rows:
        """-log(probability of the true class)."""
        probabilities = class_probabilities(predicted)
        epsilon = np.finfo(probabilities.dtype).eps
        of_truth = np.take_along_axis(probabilities, target[:, None], axis=1)
        return np.asarray(-np.log(np.clip(of_truth, epsilon, 1 - epsilon))[:, 0])

    def traced(self, target: tf.Tensor, predicted: tf.Tensor, counts: tf.Tensor, *, weighted: bool = True) -> tf.Tensor:
        """The mean over the rows that count."""
        import tensorflow as tf

        truth, probabilities = traced_targets(target, predicted)
        epsilon = np.finfo(np.float32).eps
        of_truth = tf.reduce_sum(truth * probabilities, axis=1)
        return -counting_mean(tf.math.log(tf.clip_by_value(of_truth, epsilon, 1 - epsilon)), counts)
