"""Accuracy: how many rows are recognized."""

from __future__ import annotations

from typing import TYPE_CHECKING

from search.training.metrics._base import Rows
from search.training.metrics._classes import ClassMetric, chosen_classes, traced_counts

if TYPE_CHECKING:
    import tensorflow as tf


class Accuracy(ClassMetric):
    """Share of rows whose most probable class is the true one; a tie of two classes counts as class 0."""

    name = "accuracy"
    direction = "maximize"

    def score(self, target: Rows, predicted: Rows) -> float:
        """As `sklearn.metrics.accuracy_score`."""
        return float((chosen_classes(predicted) == target).mean())

    def traced(self, target: tf.Tensor, predicted: tf.Tensor, counts: tf.Tensor) -> tf.Tensor:
        """The share of the rows that count."""
        import tensorflow as tf

        hits, actual, _ = traced_counts(target, predicted, counts)
        return tf.reduce_sum(hits) / tf.reduce_sum(actual)
