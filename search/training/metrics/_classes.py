"""What metrics of classifications share."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np

from search.records import Task
from search.training.metrics._base import Metric, Rows

if TYPE_CHECKING:
    import tensorflow as tf


class ClassMetric(Metric):
    """A metric of classifications; whoever must say the same of every row says how frequent the classes are."""

    tasks: ClassVar[frozenset[Task]] = frozenset({"binary", "multiclass"})

    def constant(self, target: Rows, n_classes: int) -> Rows:
        """The share of each class: of class 1 alone when there are two, shape (1,), or shape (classes,)."""
        shares = np.bincount(target, minlength=n_classes) / len(target)
        return shares[1:] if n_classes == 2 else shares


def class_probabilities(predicted: Rows) -> Rows:
    """Probabilities of every class, shape (rows, classes)."""
    return np.hstack([1 - predicted, predicted]) if predicted.shape[1] == 1 else predicted


def chosen_classes(predicted: Rows) -> Rows:
    """Index of the most probable class, shape (rows,); a tie of two classes counts as class 0."""
    return predicted[:, 0] > 0.5 if predicted.shape[1] == 1 else predicted.argmax(axis=1)


def count_classes(target: Rows, predicted: Rows) -> tuple[Rows, Rows, Rows]:
    """Rows recognized, rows present and rows claimed, for each class."""
    classes = chosen_classes(predicted).astype(np.int64)
    n_classes = max(2, predicted.shape[1])
    hits = np.bincount(target[target == classes], minlength=n_classes)
    return hits, np.bincount(target, minlength=n_classes), np.bincount(classes, minlength=n_classes)


def traced_targets(target: tf.Tensor, predicted: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """True classes as 0 and 1, and probabilities of every class; both of shape (rows, classes), float32."""
    import tensorflow as tf

    probabilities = tf.concat([1 - predicted, predicted], axis=1) if predicted.shape[1] == 1 else predicted
    return tf.one_hot(tf.cast(tf.reshape(target, [-1]), tf.int32), probabilities.shape[1]), probabilities


def traced_counts(target: tf.Tensor, predicted: tf.Tensor, counts: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Rows recognized, rows present and rows claimed, for each class; those that do not count are none of them."""
    import tensorflow as tf

    truth, probabilities = traced_targets(target, predicted)
    if predicted.shape[1] == 1:
        chosen = tf.cast(predicted[:, 0] > 0.5, tf.int32)
    else:
        chosen = tf.argmax(predicted, axis=1, output_type=tf.int32)
    present, claimed = (rows * counts[:, None] for rows in (truth, tf.one_hot(chosen, probabilities.shape[1])))
    return tf.reduce_sum(present * claimed, axis=0), tf.reduce_sum(present, axis=0), tf.reduce_sum(claimed, axis=0)


def traced_mean_ratio(part: tf.Tensor, whole: tf.Tensor) -> tf.Tensor:
    """Mean of part / whole over the classes of which there is a whole."""
    import tensorflow as tf

    occurs = whole > 0
    ratio = tf.where(occurs, part / tf.where(occurs, whole, 1.0), 0.0)
    return tf.reduce_sum(ratio) / tf.reduce_sum(tf.cast(occurs, tf.float32))
