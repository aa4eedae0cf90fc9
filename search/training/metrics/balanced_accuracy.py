"""Balanced accuracy: how well each class is recognized, rare ones counting as much as frequent ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

from search.training.metrics._base import Rows
from search.training.metrics._classes import DecisionMetric, mean_ratio, traced_counts, traced_mean_ratio

if TYPE_CHECKING:
    import tensorflow as tf


class BalancedAccuracy(DecisionMetric):
    """Mean over the classes that occur in the target of the share of their rows that is recognized."""

    name = "balanced_accuracy"
    direction = "maximize"

    def of_counts(self, hits: Rows, actual: Rows, claimed: Rows) -> Rows:
        """As `sklearn.metrics.balanced_accuracy_score`."""
        return mean_ratio(hits, actual)

    def traced(self, target: tf.Tensor, predicted: tf.Tensor, counts: tf.Tensor, *, weighted: bool = True) -> tf.Tensor:
        """The mean over the classes that occur in rows that count."""
        hits, actual, _ = traced_counts(target, predicted, counts)
        return traced_mean_ratio(hits, actual)
