"""Macro F1: precision and recall of each class in one number, rare ones counting as much as frequent ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

from search.training.metrics._base import Rows
from search.training.metrics._classes import ClassMetric, count_classes, traced_counts, traced_mean_ratio

if TYPE_CHECKING:
    import tensorflow as tf


class F1Macro(ClassMetric):
    """Mean over the classes that occur, in the target or among the predictions, of their F1."""

    name = "f1_macro"
    direction = "maximize"

    def score(self, target: Rows, predicted: Rows) -> float:
        """As `sklearn.metrics.f1_score` with `average="macro"`."""
        hits, actual, claimed = count_classes(target, predicted)
        occurring = actual + claimed > 0
        return float((2 * hits[occurring] / (actual + claimed)[occurring]).mean())

    def traced(self, target: tf.Tensor, predicted: tf.Tensor, counts: tf.Tensor) -> tf.Tensor:
        """The mean over the classes that occur in rows that count."""
        hits, actual, claimed = traced_counts(target, predicted, counts)
        return traced_mean_ratio(2 * hits, actual + claimed)
