"""Top-k accuracy: whether the true class is among the likeliest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from search.training.metrics._base import Rows
from search.training.metrics._classes import ClassMetric, traced_targets
from search.training.metrics._counting import counting_mean, row_mean

if TYPE_CHECKING:
    import tensorflow as tf

_K = 2


@dataclass(frozen=True)
class TopK(ClassMetric):
    """Share of rows whose true class is one of the k likeliest; of equal ones the later class is the likelier.

    For as many classes as k that is every row, so that only studies of more can be judged by it.

    Args:
        k: How many are the likeliest, at least 1.
    """

    k: int = _K

    name = "top_k"
    direction = "maximize"
    tasks = frozenset({"multiclass"})

    @property
    def arguments(self) -> Mapping[str, Any]:
        """The number k."""
        return {"k": self.k}

    @property
    def label(self) -> str:
        """The name, with k where it is not scikit-learn's default."""
        return self.name if self.k == _K else f"{self.name} (k = {self.k})"

    def score(self, target: Rows, predicted: Rows, weight: Rows | None = None) -> float:
        """As `sklearn.metrics.top_k_accuracy_score`."""
        return float(row_mean(self.row_scores(target, predicted), weight))

    def row_scores(self, target: Rows, predicted: Rows) -> Rows:
        """1 for rows whose true class is one of the k likeliest, 0 for others."""
        likeliest = np.argsort(predicted, axis=1, kind="mergesort")[:, ::-1][:, : self.k]
        return np.asarray((likeliest == target[:, None]).any(axis=1), np.float64)

    def traced(self, target: tf.Tensor, predicted: tf.Tensor, counts: tf.Tensor, *, weighted: bool = True) -> tf.Tensor:
        """The share of the rows that count."""
        import tensorflow as tf

        truth, probabilities = traced_targets(target, predicted)
        of_truth = tf.reduce_sum(truth * probabilities, axis=1, keepdims=True)
        places = tf.range(probabilities.shape[1], dtype=tf.float32)
        later = places > tf.reduce_sum(truth * places, axis=1, keepdims=True)
        before = (probabilities > of_truth) | ((probabilities == of_truth) & later)
        return counting_mean(tf.cast(tf.reduce_sum(tf.cast(before, tf.float32), axis=1) < self.k, tf.float32), counts)
