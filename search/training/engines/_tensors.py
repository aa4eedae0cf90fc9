"""The rows of a fold as programs take them: tensors, filled up to the program's capacity."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from search.data import Arrays
from search.training.engines._base import Job
from search.training.engines._evaluation import loss_targets

if TYPE_CHECKING:
    import tensorflow as tf

ROWS_AT_ONCE = 2048
"""Rows evaluated in one piece: bounds the memory that activations take."""


class FoldTensors(NamedTuple):
    """The rows of a fold, filled up to the program's capacity.

    Args:
        x: Features of the rows that train.
        y: Their targets as the loss takes them.
        n_train: Number of them, without the filling.
        x_evaluated: Features of the stop rows, then of the validation rows.
        y_evaluated: Their targets.
        stops: 1 for stop rows, 0 for others, float32.
        scores: 1 for validation rows, 0 for others, float32.
    """

    x: tf.Tensor
    y: tf.Tensor
    n_train: tf.Tensor
    x_evaluated: tf.Tensor
    y_evaluated: tf.Tensor
    stops: tf.Tensor
    scores: tf.Tensor


def fold_tensors(job: Job, n_positions: int) -> FoldTensors:
    """The rows of a job, filled up to `n_positions` that train and to its capacity of those evaluated."""
    import tensorflow as tf

    arrays, n_evaluated = job.arrays, padded(job.capacity.evaluated)
    n_stop, n_scored = n_stop_apart(arrays), len(arrays.x_validation)
    stops, scores = np.zeros((2, n_evaluated), np.float32)
    scores[n_stop : n_stop + n_scored] = 1
    stops[: n_stop or (n_scored if len(arrays.x_stop) else 0)] = 1
    y_train, y_stop, y_validation = (
        _loss_typed(loss_targets(job, y)) for y in (arrays.y_train, arrays.y_stop, arrays.y_validation)
    )
    return FoldTensors(
        x=tf.constant(_filled(arrays.x_train, n_positions)),
        y=tf.constant(_filled(y_train, n_positions)),
        n_train=tf.constant(len(arrays.x_train)),
        x_evaluated=tf.constant(_filled(np.concatenate([arrays.x_stop[:n_stop], arrays.x_validation]), n_evaluated)),
        y_evaluated=tf.constant(_filled(np.concatenate([y_stop[:n_stop], y_validation]), n_evaluated)),
        stops=tf.constant(stops),
        scores=tf.constant(scores),
    )


def n_stop_apart(arrays: Arrays) -> int:
    """Stop rows that are not the validation rows themselves."""
    return 0 if arrays.x_stop is arrays.x_validation else len(arrays.x_stop)


def padded(n_rows: int) -> int:
    """Rows with the filling that whole pieces need."""
    return n_rows if n_rows <= ROWS_AT_ONCE else -(-n_rows // ROWS_AT_ONCE) * ROWS_AT_ONCE


def _loss_typed(targets: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Class indices of a loss that takes them as such in int32, everything else in float32."""
    return targets.astype(np.int32 if targets.ndim == 1 else np.float32)


def _filled(rows: npt.NDArray[Any], n_rows: int) -> npt.NDArray[Any]:
    room = n_rows - len(rows)
    return np.concatenate([rows, np.zeros((room, *rows.shape[1:]), rows.dtype)]) if room else rows
