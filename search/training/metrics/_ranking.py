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

    def score(self, target: Rows, predicted: Rows, weight: Rows | None = None) -> float:
        """As its namesake in `sklearn.metrics`, macro-averaged, one class against the rest."""
        if weight is not None:
            # A row that does not count has no place in the order either.
            counting = weight > 0
            target, predicted, weight = target[counting], predicted[counting], weight[counting].astype(np.float64)
            if not len(weight):
                return float("nan")
        probabilities = class_probabilities(predicted)
        classes = [1] if probabilities.shape[1] == 2 else range(probabilities.shape[1])
        truths = [(target == index, probabilities[:, index]) for index in classes]
        truths = [(truth, values) for truth, values in truths if 0 < truth.sum() < len(truth)]
        if weight is None:
            scores = [self._of_class(truth, values) for truth, values in truths]
        else:
            scores = [self._of_weighted_class(truth, values, weight) for truth, values in truths]
        return float(np.mean(scores)) if scores else 0.5

    def traced(self, target: tf.Tensor, predicted: tf.Tensor, counts: tf.Tensor, *, weighted: bool = True) -> tf.Tensor:
        """The mean over the classes that occur in rows that count."""
        import tensorflow as tf

        truth, probabilities = traced_targets(target, predicted)
        classes = [1] if probabilities.shape[1] == 2 else range(probabilities.shape[1])
        of_class = self._traced_of_weighted_class if weighted else self._traced_of_class
        scores, occurring = [], []
        for index in classes:
            yes, no = truth[:, index] * counts, (1 - truth[:, index]) * counts
            # Rows that do not count come behind all others.
            values = tf.where(counts > 0, probabilities[:, index], np.inf)
            occurs = (tf.reduce_sum(yes) > 0) & (tf.reduce_sum(no) > 0)
            scores.append(tf.where(occurs, of_class(yes, no, values), 0.0))
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
    def _of_weighted_class(self, truth: Rows, values: Rows, weight: Rows) -> float:
        """The same of rows with weights above 0, shape (rows,), float64."""

    @abstractmethod
    def _traced_of_class(self, yes: tf.Tensor, no: tf.Tensor, values: tf.Tensor) -> tf.Tensor:
        """The same inside a program, of rows that count 1 or 0.

        Args:
            yes: 1 for rows of the class that count, shape (rows,), float32.
            no: 1 for other rows that count.
            values: The probability of the class; infinite for rows that do not count.
        """

    @abstractmethod
    def _traced_of_weighted_class(self, yes: tf.Tensor, no: tf.Tensor, values: tf.Tensor) -> tf.Tensor:
        """The same of rows with weights; `yes` and `no` hold these."""


def at_least(values: Rows) -> tuple[Rows, Rows]:
    """Positions in ascending order: where each value's equals begin and end, shape (rows,) each."""
    ordered = np.sort(values)
    return np.searchsorted(ordered, values, "left"), np.searchsorted(ordered, values, "right")


def weight_above(values: Rows, weight: Rows, of: Rows) -> tuple[Rows, Rows]:
    """The weight of all rows above each value, and that of all at least as high.

    Args:
        values: Of the rows, shape (rows,).
        weight: How much each row counts, float64.
        of: The values that are asked for, shape (n,).
    """
    order = np.argsort(values)
    # Summed from the top, so that no small weight is lost in a difference of large sums.
    onwards = np.append(np.cumsum(weight[order][::-1])[::-1], 0.0)
    above, as_high = (onwards[np.searchsorted(values[order], of, side)] for side in ("right", "left"))
    return above, as_high


def traced_weight_above(values: tf.Tensor, weight: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """The weight of all rows above each row, and that of all at least as high; shape (rows,) each, float32."""
    import tensorflow as tf

    order = tf.argsort(values)
    ordered = tf.gather(values, order)
    onwards = tf.concat([tf.cumsum(tf.gather(weight, order), reverse=True), [0.0]], axis=0)
    above, as_high = (tf.gather(onwards, tf.searchsorted(ordered, values, side)) for side in ("right", "left"))
    return above, as_high
