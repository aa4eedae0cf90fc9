"""What metrics share that look at the order of predictions: one class against the others."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING

import numpy as np

from search.training.metrics._base import Rows
from search.training.metrics._classes import ClassMetric, class_probabilities, traced_targets

if TYPE_CHECKING:
    import tensorflow as tf


class RankingMetric(ClassMetric):
    """A metric of how well a class is told from the others; for several classes the mean over those that occur.

    Rows of a single class have no order to be judged: they score 0.5, what a constant guess does.
    """

    def score(self, target: Rows, predicted: Rows) -> float:
        """As its namesake in `sklearn.metrics`, macro-averaged, one class against the rest."""
        probabilities = class_probabilities(predicted)
        classes = [1] if probabilities.shape[1] == 2 else range(probabilities.shape[1])
        truths = [(target == index, probabilities[:, index]) for index in classes]
        scores = [self._of_class(truth, values) for truth, values in truths if 0 < truth.sum() < len(truth)]
        return float(np.mean(scores)) if scores else 0.5

    def traced(self, target: tf.Tensor, predicted: tf.Tensor, counts: tf.Tensor) -> tf.Tensor:
        """The mean over the classes that occur in rows that count."""
        import tensorflow as tf

        truth, probabilities = traced_targets(target, predicted)
        classes = [1] if probabilities.shape[1] == 2 else range(probabilities.shape[1])
        scores, occurring = [], []
        for index in classes:
            yes, no = truth[:, index] * counts, (1 - truth[:, index]) * counts
            # Rows that do not count come behind all others.
            values = tf.where(counts > 0, probabilities[:, index], np.inf)
            occurs = (tf.reduce_sum(yes) > 0) & (tf.reduce_sum(no) > 0)
            scores.append(tf.where(occurs, self._traced_of_class(yes, no, values), 0.0))
            occurring.append(tf.cast(occurs, tf.float32))
        n_occurring = tf.add_n(occurring)
        return tf.where(n_occurring > 0, tf.add_n(scores) / tf.maximum(n_occurring, 1.0), 0.5)

    @abstractmethod
    def _of_class(self, truth: Rows, values: Rows) -> float:
        """The score of one class.

        Args:
            truth: Which rows are of the class, bool, shape (rows,); some are and some are not.
            values: Its probability, shape (rows,).
        """

    @abstractmethod
    def _traced_of_class(self, yes: tf.Tensor, no: tf.Tensor, values: tf.Tensor) -> tf.Tensor:
        """The same inside a program.

        Args:
            yes: 1 for rows of the class that count, shape (rows,), float32.
            no: 1 for other rows that count.
            values: The probability of the class; infinite for rows that do not count.
        """


def at_least(values: Rows) -> tuple[Rows, Rows]:
    """Positions in ascending order: where each value's equals begin and end, shape (rows,) each."""
    ordered = np.sort(values)
    return np.searchsorted(ordered, values, "left"), np.searchsorted(ordered, values, "right")
