"""Means over the rows of a program that count."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import tensorflow as tf


def counting_mean(values: tf.Tensor, counts: tf.Tensor) -> tf.Tensor:
    """The mean over rows that count, whatever the values of the others are.

    Args:
        values: One for each row, shape (rows,), float32.
        counts: 1 for rows that count and 0 for others, shape (rows,), float32.
    """
    import tensorflow as tf

    return tf.reduce_sum(tf.where(counts > 0, values, 0.0)) / tf.reduce_sum(counts)
