"""Brier score: squared errors of the predicted probabilities."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from search.training.metrics._base import Rows
from search.training.metrics._classes import ClassMetric, class_probabilities, traced_targets
from search.training.metrics._counting import counting_mean, row_mean

if TYPE_CHECKING:
    import tensorflow as tf


class Brier(ClassMetric):
    """Mean over rows of the sum over classes of `(probability - truth) ** 2`; for two classes half of that."""

    name = "brier"
    direction = "minimize"

    def score(self, target: Rows, predicted: Rows, weight: Rows | None = None) -> float:
        """As `sklearn.metrics.brier_score_loss`."""
        return float(row_mean(self.row_scores(target, predicted), weight))

    def row_scores(self, target: Rows, predicted: Rows) -> Rows:
        """Squared errors of the probabilities, summed over the classes."""
        probabilities = class_probabilities(predicted).astype(np.float64)
        truth = np.eye(probabilities.shape[1])[target]
        return np.asarray(np.square(probabilities - truth).sum(axis=1) / _divisor(probabilities.shape[1]))

    def traced(self, target: tf.Tensor, predicted: tf.Tensor, counts: tf.Tensor, *, weighted: bool = True) -> tf.Tensor:
        """The mean over the rows that count."""
        import tensorflow as tf

        truth, probabilities = traced_targets(target, predicted)
        squares = tf.reduce_sum(tf.square(probabilities - truth), axis=1)
        return counting_mean(squares, counts) / _divisor(probabilities.shape[1])


def _divisor(n_classes: int) -> int:
    return 2 if n_classes == 2 else 1
