"""Stop and validation rows are evaluated after each epoch, without penalties."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from search.data import is_stored, read_rows
from search.models import probabilities_of, targets_for
from search.training.engines._base import Job
from search.training.engines._own_draws import evaluation_draws
from search.training.engines._step import as_input, predictions

if TYPE_CHECKING:
    import keras
    import tensorflow as tf

Array = npt.NDArray[Any]

_ROWS_AT_ONCE = 4096  # bounds the memory that activations take
_STORED_AT_ONCE = 512


def evaluator(job: Job, model: keras.Model) -> Callable[[], tuple[Array, Array, bool]]:
    """A function that evaluates the model as it is when called.

    Returns:
        A function without arguments. It returns, for the stop rows followed by the validation rows: predictions,
        shape (rows, outputs); data losses without penalties, times the rows' weights, shape (rows,), from logits where
        Keras can, as in its own `val_loss`. And whether all weights of the model are finite.
    """
    import tensorflow as tf

    validation, loss = job.arrays.validation, job.plain.loss.make()
    chunks = _stored_chunks(job) if is_stored(next(iter(validation.x.values()))) else _held_chunks(job)

    def evaluate(x: dict[str, tf.Tensor], y: tf.Tensor, weight: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        with evaluation_draws(model):
            outputs = predictions(model(as_input(x), training=False))
            losses = loss(y, outputs) * weight
        finite = [tf.reduce_all(tf.math.is_finite(variable)) for variable in model.trainable_variables]
        return probabilities_of(outputs, job.plain.loss.link), losses, tf.reduce_all(tf.stack(finite))

    # Compiled once, for any number of rows.
    compiled = tf.function(evaluate, autograph=False, reduce_retracing=True)

    def evaluate_all() -> tuple[Array, Array, bool]:
        predicted, losses, finite = zip(*(compiled(*chunk) for chunk in chunks()), strict=True)
        return np.concatenate(predicted), np.concatenate(losses), all(map(bool, finite))

    return evaluate_all


Chunk = tuple[dict[str, Any], Any, Any]
"""Features by the name of their input, targets as the loss takes them, and weights, of some rows."""


def _held_chunks(job: Job) -> Callable[[], Iterable[Chunk]]:
    """The stop rows followed by the validation rows, as tensors."""
    import tensorflow as tf

    stop, validation = job.arrays.stop, job.arrays.validation
    rows = (
        {name: np.concatenate([stop.x[name], values]) for name, values in validation.x.items()},
        loss_targets(job, np.concatenate([stop.y, validation.y])),
        np.concatenate([stop.weight, validation.weight]),
    )
    chunks: list[Chunk] = [
        tf.nest.map_structure(lambda values, start=start: tf.constant(values[start : start + _ROWS_AT_ONCE]), rows)
        for start in range(0, len(rows[1]), _ROWS_AT_ONCE)
    ]
    return lambda: chunks


def _stored_chunks(job: Job) -> Callable[[], Iterable[Chunk]]:
    """The same of rows in a file, which are read each time."""

    def chunks() -> Iterable[Chunk]:
        for part in (job.arrays.stop, job.arrays.validation):
            for first in range(0, len(part), _STORED_AT_ONCE):
                places = np.arange(first, min(first + _STORED_AT_ONCE, len(part)))
                x = {name: read_rows(rows, places) for name, rows in part.x.items()}
                yield x, loss_targets(job, part.y[places]), part.weight[places]

    return chunks


def score_validation(job: Job, predicted: Array) -> float:
    """The metric of predictions for the validation rows, both in the target's own unit, by the weights of the data."""
    arrays, rows = job.arrays, job.arrays.validation
    target, predicted = arrays.in_own_unit(rows.y), arrays.in_own_unit(predicted)
    return job.metric.score(target, predicted, rows.weight if rows.is_weighted else None)


def further_targets(job: Job) -> dict[str, npt.NDArray[np.float32]]:
    """Targets of the rows that train for outputs beside the study's, by their names, as their losses take them."""
    given = job.arrays.train.further
    return {
        each.name: targets_for(each.loss.softened, given[each.name], each.n_classes).astype(np.float32)
        for each in job.plain.beside
    }


def loss_targets(job: Job, y: Array) -> Array:
    """Targets as the loss takes them."""
    return targets_for(job.plain.loss, y, job.n_classes)
