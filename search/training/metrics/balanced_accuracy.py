"""Balanced accuracy: how well each class is recognized, rare ones counting as much as frequent ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

from search.training.metrics._base import Rows
from search.training.metrics._classes import ClassMetric, count_classes, traced_counts, traced_mean_ratio

if TYPE_CHECKING:
    import tensorflow as tf


class BalancedAccuracy(ClassMetric):
    """Mean over the classes that occur in the target of the share of their rows that is recognized."""

    name = "balanced_accuracy"
    direction = "maximize"

    def score(self, target: Rows, predicted: Rows) -> float:
        """As `sklearn.metrics.balanced_accuracy_score`."""
        hits, actual, _ = count_classes(target, predicted)
        return float((hits[actual > 0] / actual[actual > 0]).mean())

    def traced(self, target: tf.Tensor, predicted: tf.Tensor, counts: tf.Tensor) -> tf.Tensor:
        """The mean over the classes that occur in rows that count."""
        hits, actual, _ = traced_counts(target, predicted, counts)
        return traced_mean_ratio(hits, actual)
