"""Macro F1: precision and recall of each class in one number, rare ones counting as much as frequent ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

from search.training.metrics._base import Rows
from search.training.metrics._classes import DecisionMetric, mean_ratio, traced_counts, traced_mean_ratio

if TYPE_CHECKING:
    import tensorflow as tf


class F1Macro(DecisionMetric):
    """Mean over the classes that occur, in the target or among the predictions, of their F1."""

    name = "f1_macro"
    direction = "maximize"

    def of_counts(self, hits: Rows, actual: Rows, claimed: Rows) -> Rows:
        """As `sklearn.metrics.f1_score` with `average="macro"`."""
        return mean_ratio(2 * hits, actual + claimed)

    def traced(self, target: tf.Tensor, predicted: tf.Tensor, counts: tf.Tensor, *, weighted: bool = True) -> tf.Tensor:
        """The mean over the classes that occur in rows that count."""
        hits, actual, claimed = traced_counts(target, predicted, counts)
        return traced_mean_ratio(2 * hits, actual + claimed)
