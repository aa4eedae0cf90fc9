"""Stop and validation rows are evaluated after each epoch, without penalties."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from search.training.engines._base import Job
from search.training.engines._step import predictions

if TYPE_CHECKING:
    import keras
    import tensorflow as tf

Array = npt.NDArray[Any]

_ROWS_AT_ONCE = 4096  # bounds the memory that activations take


def evaluator(job: Job, model: keras.Model) -> Callable[[], tuple[Array, Array, bool]]:
    """A function that evaluates the model as it is when called.

    Returns:
        A function without arguments. It returns, for the stop rows followed by the validation rows: predictions,
        shape (rows, outputs); data losses without penalties, shape (rows,), from logits where Keras can, as in
        its own `val_loss`. And whether all weights are finite.
    """
    import keras
    import tensorflow as tf

    arrays, loss = job.arrays, keras.losses.get(job.plain.loss)
    x = np.concatenate([arrays.x_stop, arrays.x_validation])
    y = loss_targets(job, np.concatenate([arrays.y_stop, arrays.y_validation]))
    chunks = [
        (tf.constant(x[start : start + _ROWS_AT_ONCE]), tf.constant(y[start : start + _ROWS_AT_ONCE]))
        for start in range(0, len(x), _ROWS_AT_ONCE)
    ]

    def evaluate(x: tf.Tensor, y: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        predicted = predictions(model(x, training=False))
        finite = [tf.reduce_all(tf.math.is_finite(weight)) for weight in model.trainable_variables]
        return predicted, loss(y, predicted), tf.reduce_all(tf.stack(finite))

    # Compiled once, for any number of rows.
    compiled = tf.function(evaluate, autograph=False, reduce_retracing=True)

    def evaluate_all() -> tuple[Array, Array, bool]:
        predicted, losses, finite = zip(*(compiled(*chunk) for chunk in chunks), strict=True)
        return np.concatenate(predicted), np.concatenate(losses), all(map(bool, finite))

    return evaluate_all


def loss_targets(job: Job, y: Array) -> Array:
    """Targets in the shape that the loss takes: a column for each output, or class indices."""
    return y if job.plain.loss == "sparse_categorical_crossentropy" else y.reshape(len(y), math.prod(y.shape[1:]))
