"""What a worker keeps from run to run, because the next one is likely to need it again.

Configurations of a study meet the same folds and seeds, so that rows, their orders and initial weights come back all
the time. Keys hold what a thing depends on, whichever study asks.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from search.data import Arrays
from search.records import EngineChoice
from search.training import bounds
from search.training.engines._base import Job, Outcome
from search.training.engines._initial import Weights, draw_initial_weights
from search.training.engines._orders import EpochOrders
from search.training.engines._tensors import FoldTensors, fold_tensors, padded
from search.training.features import Features
from search.training.recent import Recent
from search.training.rows import PreparedRows

if TYPE_CHECKING:
    import tensorflow as tf

Key = tuple[object, ...]


class Stores:
    """What one worker keeps, a bounded store a kind; with it, all of it goes.

    Attributes:
        rows: Prepared rows, kept by `search.training.jobs`.
        passed: Rows, and the same as they come out of a frozen front, kept by `search.training.jobs`.
        features: What frozen fronts make of rows, kept by `search.training.jobs`.
        stages: Outcomes of the stages of paths, kept by `search.training.stages`.
        choices: The engine of an architecture, kept by `search.training.worker_session`.
    """

    def __init__(self) -> None:
        self.rows: Recent[Key, PreparedRows] = Recent(bounds.PREPARED_ROWS_BYTES, lambda rows: rows.n_bytes)
        self.stages: Recent[Key, Outcome] = Recent(bounds.STAGES_BYTES, _outcome_bytes)
        self.choices: Recent[Key, EngineChoice] = Recent(bounds.CALIBRATIONS)
        self.passed: Recent[Key, tuple[Arrays, Arrays]] = Recent(bounds.PREPARED_ROWS_BYTES, _passed_bytes)
        self.features: Recent[Key, Features] = Recent(bounds.FEATURES_BYTES, lambda kept: kept.n_bytes, grows=True)
        self._weights: Recent[Key, Weights] = Recent(bounds.INITIAL_WEIGHTS_BYTES, lambda kept: _n_bytes(kept.values()))
        self._orders: Recent[Key, EpochOrders] = Recent(bounds.ORDERS_BYTES, lambda orders: orders.n_bytes, grows=True)
        # The arrays are kept beside their tensors so that no others can come under their identity.
        self._folds: Recent[Key, tuple[Arrays, FoldTensors]] = Recent(
            bounds.FOLD_TENSORS_BYTES, lambda kept: _tensor_bytes(kept[1])
        )
        self._order_tensors: Recent[Key, tf.Tensor] = Recent(
            bounds.ORDER_TENSORS_BYTES, lambda orders: _tensor_bytes([orders])
        )
        self._starts: Recent[Key, dict[str, tf.Tensor]] = Recent(
            bounds.INITIAL_WEIGHTS_BYTES, lambda kept: _tensor_bytes(kept.values())
        )

    def initial_weights(self, job: Job) -> Weights:
        """The weights that the plain model of a job is made with."""
        return self._weights.get((repr(job.plain), job.seed), lambda: draw_initial_weights(job))

    def epoch_orders(self, seed: int, n_rows: int, n_epochs: int) -> EpochOrders:
        """The orders of a run's rows."""
        return self._orders.get((seed, n_rows, n_epochs), lambda: EpochOrders(seed, n_rows, n_epochs))

    def fold_tensors(self, job: Job, n_positions: int) -> FoldTensors:
        """The rows of a job, filled up to `n_positions` that train and to its capacity of those evaluated."""
        key = (id(job.arrays), repr(job.plain.loss), n_positions, padded(job.capacity.evaluated))
        return self._folds.get(key, lambda: (job.arrays, fold_tensors(job, n_positions)))[1]

    def order_tensor(self, job: Job, block: int, n_epochs: int, n_positions: int) -> tf.Tensor:
        """The row of each position in each epoch of a block, shape (n_epochs, n_positions), int32."""
        import tensorflow as tf

        n_train = len(job.arrays.train)

        def draw() -> tf.Tensor:
            orders = self.epoch_orders(job.seed, n_train, n_epochs).block(block)
            return tf.constant(np.pad(orders, ((0, 0), (0, n_positions - n_train))))

        return self._order_tensors.get((job.seed, n_train, n_positions, n_epochs, block), draw)

    def start_tensors(self, job: Job) -> dict[str, tf.Tensor]:
        """The weights that a job begins with, by path; those of techniques' own layers only if it has a `start`."""
        import tensorflow as tf

        def draw() -> dict[str, tf.Tensor]:
            return {path: tf.constant(value) for path, value in self.initial_weights(job).items()}

        initial = self._starts.get((repr(job.plain), job.seed), draw)
        return {**initial, **{path: tf.constant(value) for path, value in (job.start or {}).items()}}


def _passed_bytes(kept: tuple[Arrays, Arrays]) -> int:
    _, passed = kept
    return sum(rows.n_bytes for rows in (passed.train, passed.stop, passed.validation))


def _n_bytes(arrays: Iterable[npt.NDArray[Any]]) -> int:
    return sum(values.nbytes for values in arrays)


def _tensor_bytes(tensors: Iterable[tf.Tensor]) -> int:
    import tensorflow as tf

    return sum(tensor.dtype.size * math.prod(tensor.shape) for tensor in tf.nest.flatten(list(tensors)))


def _outcome_bytes(outcome: Outcome) -> int:
    return _n_bytes(outcome.weights.values()) + outcome.predicted.nbytes + 4 * 4 * outcome.curve.n_epochs
