"""The metrics of `search.training.scoring` as TensorFlow operations, for the curve that is recorded inside a program.

In float32 and over weighted rows, so that rows which only fill a program's room up count nothing. A run's score is
not taken from here: it is computed once, in NumPy, from the predictions at the weights kept.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import tensorflow as tf


def weighted_metric(name: str, target: tf.Tensor, predicted: tf.Tensor, weight: tf.Tensor) -> tf.Tensor:
    """One metric of `METRICS`.

    Args:
        name: Its name.
        target: As the loss takes it: class indices, shape (rows,) or (rows, 1); or numbers, shape (rows, targets).
        predicted: Probabilities or numbers, shape (rows, outputs), float32.
        weight: 1 for rows that count and 0 for the others, shape (rows,), float32.

    Returns:
        A scalar, float32.
    """
    import tensorflow as tf

    if name in _OF_NUMBERS:
        return _OF_NUMBERS[name](tf.cast(target, tf.float32), predicted, weight)
    classes = tf.cast(tf.reshape(target, [-1]), tf.int32)
    probabilities = tf.concat([1 - predicted, predicted], axis=1) if predicted.shape[1] == 1 else predicted
    n_classes = probabilities.shape[1]
    truth = tf.one_hot(classes, n_classes)
    if name == "log_loss":
        return _log_loss(truth, probabilities, weight)
    if predicted.shape[1] == 1:
        chosen = tf.cast(predicted[:, 0] > 0.5, tf.int32)
    else:
        chosen = tf.argmax(predicted, axis=1, output_type=tf.int32)
    return _OF_CLASSES[name](truth * weight[:, None], tf.one_hot(chosen, n_classes) * weight[:, None])


def _log_loss(truth: tf.Tensor, probabilities: tf.Tensor, weight: tf.Tensor) -> tf.Tensor:
    import tensorflow as tf

    epsilon = tf.float32.as_numpy_dtype(1.1920929e-07)
    of_truth = tf.reduce_sum(truth * probabilities, axis=1)
    return -_mean(tf.math.log(tf.clip_by_value(of_truth, epsilon, 1 - epsilon)), weight)


def _accuracy(truth: tf.Tensor, chosen: tf.Tensor) -> tf.Tensor:
    import tensorflow as tf

    return tf.reduce_sum(truth * chosen) / tf.reduce_sum(truth)


def _balanced_accuracy(truth: tf.Tensor, chosen: tf.Tensor) -> tf.Tensor:
    hits, actual, _ = _counts(truth, chosen)
    return _mean_where(hits, actual, actual)


def _f1_macro(truth: tf.Tensor, chosen: tf.Tensor) -> tf.Tensor:
    hits, actual, claimed = _counts(truth, chosen)
    return _mean_where(2 * hits, actual + claimed, actual + claimed)


def _mse(truth: tf.Tensor, predicted: tf.Tensor, weight: tf.Tensor) -> tf.Tensor:
    import tensorflow as tf

    return _mean(tf.reduce_mean(tf.square(predicted - truth), axis=1), weight)


def _mae(truth: tf.Tensor, predicted: tf.Tensor, weight: tf.Tensor) -> tf.Tensor:
    import tensorflow as tf

    return _mean(tf.reduce_mean(tf.abs(predicted - truth), axis=1), weight)


def _r2(truth: tf.Tensor, predicted: tf.Tensor, weight: tf.Tensor) -> tf.Tensor:
    import tensorflow as tf

    column = weight[:, None]
    mean = tf.reduce_sum(truth * column, axis=0) / tf.reduce_sum(weight)
    unexplained = tf.reduce_sum(tf.square(predicted - truth) * column, axis=0)
    total = tf.reduce_sum(tf.square(truth - mean) * column, axis=0)
    varies = total > 0
    explained = 1 - unexplained / tf.where(varies, total, 1.0)
    return tf.reduce_mean(tf.where(varies, explained, tf.cast(unexplained == 0, tf.float32)))


_OF_CLASSES: Mapping[str, Callable[[tf.Tensor, tf.Tensor], tf.Tensor]] = {
    "accuracy": _accuracy,
    "balanced_accuracy": _balanced_accuracy,
    "f1_macro": _f1_macro,
}
_OF_NUMBERS: Mapping[str, Callable[[tf.Tensor, tf.Tensor, tf.Tensor], tf.Tensor]] = {
    "mse": _mse,
    "mae": _mae,
    "r2": _r2,
}


def _counts(truth: tf.Tensor, chosen: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Rows recognized, rows present and rows claimed, for each class."""
    import tensorflow as tf

    return tf.reduce_sum(truth * chosen, axis=0), tf.reduce_sum(truth, axis=0), tf.reduce_sum(chosen, axis=0)


def _mean(values: tf.Tensor, weight: tf.Tensor) -> tf.Tensor:
    import tensorflow as tf

    return tf.reduce_sum(tf.where(weight > 0, values, 0.0)) / tf.reduce_sum(weight)


def _mean_where(part: tf.Tensor, whole: tf.Tensor, occurring: tf.Tensor) -> tf.Tensor:
    """Mean of part / whole over the classes that occur."""
    import tensorflow as tf

    occurs = occurring > 0
    ratio = tf.where(occurs, part / tf.where(occurs, whole, 1.0), 0.0)
    return tf.reduce_sum(ratio) / tf.reduce_sum(tf.cast(occurs, tf.float32))
