"""Accuracy: how many rows are recognized."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from search.training.metrics._base import Rows
from search.training.metrics._classes import DecisionMetric, chosen_classes, traced_counts

if TYPE_CHECKING:
    import tensorflow as tf


class Accuracy(DecisionMetric):
    """Share of rows whose most probable class is the true one; a tie of two classes counts as class 0."""

    name = "accuracy"
    direction = "maximize"

    def of_counts(self, hits: Rows, actual: Rows, claimed: Rows) -> Rows:
        """As `sklearn.metrics.accuracy_score`."""
        with np.errstate(invalid="ignore"):
            return np.asarray(hits.sum(axis=-1) / actual.sum(axis=-1))

    def row_scores(self, target: Rows, predicted: Rows) -> Rows:
        """1 for rows that are recognized, 0 for others."""
        return np.asarray(target == chosen_classes(predicted), np.float64)

    def traced(self, target: tf.Tensor, predicted: tf.Tensor, counts: tf.Tensor, *, weighted: bool = True) -> tf.Tensor:
        """The share of the rows that count."""
        import tensorflow as tf

        hits, actual, _ = traced_counts(target, predicted, counts)
        return tf.reduce_sum(hits) / tf.reduce_sum(actual)
