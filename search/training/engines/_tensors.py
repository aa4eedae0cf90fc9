"""The rows of a fold as programs take them: tensors, filled up to the program's capacity."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from search.data import Arrays
from search.training.engines._base import Job
from search.training.engines._evaluation import further_targets, loss_targets

if TYPE_CHECKING:
    import tensorflow as tf

ROWS_AT_ONCE = 2048
"""Rows evaluated in one piece: bounds the memory that activations take."""


class FoldTensors(NamedTuple):
    """The rows of a fold, filled up to the program's capacity.

    Args:
        x: Features of the rows that train, by the name of their input.
        y: Their targets as the loss takes them.
        weight: How much each of them counts, float32.
        n_train: Number of them, without the filling.
        x_evaluated: Features of the stop rows, then of the validation rows, by the name of their input.
        y_evaluated: Their targets.
        weight_evaluated: How much each of them counts, float32.
        target_deviation: What targets were divided by, float32, shape () or (targets,).
        stops: 1 for stop rows, 0 for others, float32.
        scores: 1 for validation rows, 0 for others, float32.
        further: Targets of the rows that train for outputs beside the study's, by their names, as losses take them.
    """

    x: dict[str, tf.Tensor]
    y: tf.Tensor
    weight: tf.Tensor
    n_train: tf.Tensor
    x_evaluated: dict[str, tf.Tensor]
    y_evaluated: tf.Tensor
    weight_evaluated: tf.Tensor
    target_deviation: tf.Tensor
    stops: tf.Tensor
    scores: tf.Tensor
    further: dict[str, tf.Tensor]


def fold_tensors(job: Job, n_positions: int) -> FoldTensors:
    """The rows of a job, filled up to `n_positions` that train and to its capacity of those evaluated."""
    import tensorflow as tf

    arrays, n_evaluated = job.arrays, padded(job.capacity.evaluated)
    train, validation, n_stop, n_scored = arrays.train, arrays.validation, n_stop_apart(arrays), len(arrays.validation)
    apart = arrays.stop.first(n_stop)
    stops, scores = np.zeros((2, n_evaluated), np.float32)
    scores[n_stop : n_stop + n_scored] = 1
    stops[: n_stop or (n_scored if len(arrays.stop) else 0)] = 1

    def evaluated(stop: npt.NDArray[Any], scored: npt.NDArray[Any]) -> tf.Tensor:
        return tf.constant(_filled(np.concatenate([stop, scored]), n_evaluated))

    y_train, y_apart, y_validation = (_loss_typed(loss_targets(job, part.y)) for part in (train, apart, validation))
    return FoldTensors(
        x={name: tf.constant(_filled(rows, n_positions)) for name, rows in train.x.items()},
        y=tf.constant(_filled(y_train, n_positions)),
        weight=tf.constant(_filled(train.weight, n_positions)),
        n_train=tf.constant(len(train)),
        x_evaluated={name: evaluated(apart.x[name], rows) for name, rows in validation.x.items()},
        y_evaluated=evaluated(y_apart, y_validation),
        weight_evaluated=evaluated(apart.weight, validation.weight),
        target_deviation=tf.constant(1.0 if (scale := arrays.target_scale) is None else scale.deviation, tf.float32),
        stops=tf.constant(stops),
        scores=tf.constant(scores),
        further={name: tf.constant(_filled(rows, n_positions)) for name, rows in further_targets(job).items()},
    )


def n_stop_apart(arrays: Arrays) -> int:
    """Stop rows that are not the validation rows themselves."""
    return 0 if arrays.stop is arrays.validation else len(arrays.stop)


def padded(n_rows: int) -> int:
    """Rows with the filling that whole pieces need."""
    return n_rows if n_rows <= ROWS_AT_ONCE else -(-n_rows // ROWS_AT_ONCE) * ROWS_AT_ONCE


def _loss_typed(targets: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Class indices of a loss that takes them as such in int32, everything else in float32."""
    return targets.astype(np.int32 if targets.ndim == 1 else np.float32)


def _filled(rows: npt.NDArray[Any], n_rows: int) -> npt.NDArray[Any]:
    room = n_rows - len(rows)
    return np.concatenate([rows, np.zeros((room, *rows.shape[1:]), rows.dtype)]) if room else rows
