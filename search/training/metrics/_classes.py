"""What metrics of classifications share."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING

import numpy as np

from search.training.metrics._base import Metric, Rows

if TYPE_CHECKING:
    import tensorflow as tf


class ClassMetric(Metric):
    """A metric of classifications; whoever must say the same of every row says how frequent the classes are."""

    tasks = frozenset({"binary", "multiclass"})

    def constant(self, target: Rows, n_classes: int, weight: Rows | None = None) -> Rows:
        """The share of each class: of class 1 alone when there are two, shape (1,), or shape (classes,)."""
        return class_shares(target, n_classes, weight)


class DecisionMetric(ClassMetric):
    """A metric of the classes that are chosen, whatever their probabilities were."""

    def score(self, target: Rows, predicted: Rows, weight: Rows | None = None) -> float:
        """As its namesake in `sklearn.metrics`, of the most probable classes."""
        return float(self.of_counts(*count_classes(target, predicted, weight)))

    @abstractmethod
    def of_counts(self, hits: Rows, actual: Rows, claimed: Rows) -> Rows:
        """The score of choices that are counted, for one way to choose or several.

        Args:
            hits: Rows of each class that are recognized, or the sum of their weights, shape (..., classes).
            actual: Rows that are of the class.
            claimed: Rows that are said to be of the class.

        Returns:
            The scores, shape (...); not a number where there are no rows.
        """


def class_shares(target: Rows, n_classes: int, weight: Rows | None) -> Rows:
    """The share of each class: of class 1 alone when there are two, shape (1,), or shape (classes,)."""
    total = len(target) if weight is None else weight.sum(dtype=np.float64)
    shares: Rows = np.bincount(target, weight, minlength=n_classes) / total
    return shares[1:] if n_classes == 2 else shares


def class_probabilities(predicted: Rows) -> Rows:
    """Probabilities of every class, shape (rows, classes)."""
    return np.hstack([1 - predicted, predicted]) if predicted.shape[1] == 1 else predicted


def chosen_classes(predicted: Rows) -> Rows:
    """Index of the most probable class, shape (rows,); a tie of two classes counts as class 0."""
    return predicted[:, 0] > 0.5 if predicted.shape[1] == 1 else predicted.argmax(axis=1)


def count_classes(target: Rows, predicted: Rows, weight: Rows | None) -> tuple[Rows, Rows, Rows]:
    """Rows recognized, rows present and rows claimed, for each class; or the sums of their weights."""
    classes = chosen_classes(predicted).astype(np.int64)
    n_classes, hit = max(2, predicted.shape[1]), target == classes
    hits = np.bincount(target[hit], None if weight is None else weight[hit], minlength=n_classes)
    actual, claimed = (np.bincount(each, weight, minlength=n_classes) for each in (target, classes))
    return hits, actual, claimed


def mean_ratio(part: Rows, whole: Rows) -> Rows:
    """Mean of part / whole over the classes, the last axis, of which there is a whole."""
    occurs = whole > 0
    if whole.ndim == 1 and occurs.any():  # a sum may round otherwise with zeros between its terms
        return np.asarray((part[occurs] / whole[occurs]).mean())
    ratios = np.divide(part, whole, out=np.zeros(whole.shape), where=occurs)
    with np.errstate(invalid="ignore"):
        return np.asarray(ratios.sum(axis=-1) / occurs.sum(axis=-1))


def traced_targets(target: tf.Tensor, predicted: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """True classes as 0 and 1, and probabilities of every class; both of shape (rows, classes), float32."""
    import tensorflow as tf

    probabilities = tf.concat([1 - predicted, predicted], axis=1) if predicted.shape[1] == 1 else predicted
    return tf.one_hot(tf.cast(tf.reshape(target, [-1]), tf.int32), probabilities.shape[1]), probabilities


def traced_counts(target: tf.Tensor, predicted: tf.Tensor, counts: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Rows recognized, rows present and rows claimed, for each class, each as often as it counts."""
    import tensorflow as tf

    truth, probabilities = traced_targets(target, predicted)
    if predicted.shape[1] == 1:
        chosen = tf.cast(predicted[:, 0] > 0.5, tf.int32)
    else:
        chosen = tf.argmax(predicted, axis=1, output_type=tf.int32)
    choice = tf.one_hot(chosen, probabilities.shape[1])
    present, claimed = truth * counts[:, None], choice * counts[:, None]
    return tf.reduce_sum(present * choice, axis=0), tf.reduce_sum(present, axis=0), tf.reduce_sum(claimed, axis=0)


def traced_mean_ratio(part: tf.Tensor, whole: tf.Tensor) -> tf.Tensor:
    """Mean of part / whole over the classes of which there is a whole."""
    import tensorflow as tf

    occurs = whole > 0
    ratio = tf.where(occurs, part / tf.where(occurs, whole, 1.0), 0.0)
    return tf.reduce_sum(ratio) / tf.reduce_sum(tf.cast(occurs, tf.float32))
