"""Means over rows, each as often as it counts: in NumPy, and inside programs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from search.training.metrics._base import Rows

if TYPE_CHECKING:
    import tensorflow as tf


def row_mean(values: Rows, weight: Rows | None) -> Rows:
    """The mean over rows, in double precision.

    Args:
        values: One for each row, or several, shape (rows, ...).
        weight: How much each row counts, at least 0, shape (rows,); None when all count alike.

    Returns:
        The means, shape (...), float64; not a number when all weights are 0.
    """
    if weight is None:
        return np.asarray(values.mean(axis=0, dtype=np.float64))
    if not weight.any():
        return np.full(values.shape[1:], np.nan)
    return np.asarray(np.average(values, axis=0, weights=weight.astype(np.float64)))


def counting_mean(values: tf.Tensor, counts: tf.Tensor) -> tf.Tensor:
    """The mean over rows that count, whatever the values of the others are.

    Args:
        values: One for each row, shape (rows,), float32.
        counts: How much each row counts, at least 0, shape (rows,), float32.
    """
    import tensorflow as tf

    return tf.reduce_sum(tf.math.multiply_no_nan(values, counts)) / tf.reduce_sum(counts)
