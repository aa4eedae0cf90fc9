"""A whole run as one TensorFlow function: epochs, early stopping, best weights and curve inside.

What distinguishes runs of one architecture (coefficients, rates, learning rate, patience, seed, initial weights, rows)
goes in as values, so that one function, compiled once, serves all configurations, folds and seeds. A Python loop
around `fit` pays some milliseconds for every epoch; this pays once a run, or once a second in runs longer than that.

The mathematics is that of Keras: its layers, its losses, its optimizer's `apply`. Rows that only fill the program's
room up count 0 in every loss and metric; techniques that look at other rows of a batch, such as batch
normalization, ask `noise.current_counts` which ones count.
"""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from search.techniques.private import functions_numbered_from, tracing_count
from search.training.engines import _tensors
from search.training.engines._base import Job, Outcome, Watch
from search.training.engines._initial import first_states
from search.training.engines._one_kernel import fits_one_kernel, kept_apart
from search.training.engines._orders import epochs_in_block
from search.training.engines._stores import Stores
from search.training.engines._traced import (
    METRIC,
    Kept,
    State,
    Stop,
    TracedRun,
    goes_on,
    outcome_of,
    program_key,
    stop_of,
)
from search.training.session import programs_found_again, sums_left_alone

if TYPE_CHECKING:
    import tensorflow as tf

__all__ = ["Program", "affordable", "found_again", "is_report_due", "program_key"]

_REPORT_SECONDS = 1.0  # a run longer than this is cut into pieces of about this length


class Program:
    """The training of one architecture, ready for any of its jobs.

    Args:
        job: One of the jobs that it will serve; see `program_key`.
        stores: Where rows, orders and initial weights are kept as tensors.
        compiled: Whether XLA compiles all of it, or only the step from gradients to weights.
    """

    def __init__(self, job: Job, stores: Stores, *, compiled: bool) -> None:
        import tensorflow as tf

        self._stores = stores
        self._traced = traced = TracedRun(job)
        self._is_kept_apart = compiled and not fits_one_kernel(traced.model, traced.optimizer, job.names)
        self._n_epochs = epochs_in_block(job.capacity.train)
        self._start = tf.function(traced.assign_start, autograph=False)
        # Weight by weight the work of penalties and optimizer is a dozen passes over memory, which XLA makes one of.
        self._update = tf.function(traced.update_weights, autograph=False, jit_compile=True)
        self._run = tf.function(self._run_epochs, autograph=False, jit_compile=True if compiled else None)
        self._finish = tf.function(traced.return_to_kept, autograph=False)
        self._sum_zero_shares = tf.function(traced.sum_zero_shares, autograph=False)
        self.seconds_per_epoch: float | None = None
        self._kind = repr((program_key(job), compiled))

    @property
    def n_compilations(self) -> int:
        """How often the training was traced, and so compiled."""
        return tracing_count(self._run)

    def train(self, job: Job, watch: Watch) -> Outcome:
        """Train one job to its end."""
        with sums_left_alone():
            return self._train(job, watch)

    def _train(self, job: Job, watch: Watch) -> Outcome:
        rows = self._stores.fold_tensors(job, self._traced.n_positions)
        values, state = self._traced.values_of(job), self._begin(job)
        pieces: list[npt.NDArray[np.float32]] = []
        n_done = n_reported = 0
        going, reported = True, time.perf_counter()
        while going and n_done < job.training.epochs:
            n_asked = min(affordable(self.seconds_per_epoch, n_done, self._n_epochs), job.training.epochs - n_done)
            state, piece = self._continue(job, rows, values, state, n_done, n_asked)
            pieces.append(piece)
            n_done += len(piece)
            if int(state.diverged) or (job.stopping is not None and int(state.waited) >= job.stopping.patience):
                break
            if is_report_due(reported) and n_done < job.training.epochs:
                reported, fresh = time.perf_counter(), np.concatenate(pieces)[n_reported:, METRIC]
                going = watch(n_reported + 1, fresh)
                n_reported = n_done
        kept = None if int(state.diverged) else self._kept(job, values)
        return outcome_of(job, state, np.concatenate(pieces), kept, withdrawn=not going)

    def _continue(
        self, job: Job, rows: _tensors.FoldTensors, values: tf.Tensor, state: State, n_done: int, n_asked: int
    ) -> tuple[State, npt.NDArray[np.float32]]:
        """Train `n_asked` epochs more, or fewer when patience or divergence ends them.

        Returns:
            The state, and the curve of these epochs without a diverged one, shape (epochs, 4).
        """
        import tensorflow as tf

        before, started = self.n_compilations, time.perf_counter()
        orders = self._stores.order_tensor(job, n_done // self._n_epochs, self._n_epochs, self._traced.n_positions)
        seed, until = tf.constant(job.seed, tf.uint32), tf.constant(n_done + n_asked, tf.int32)
        with nullcontext() if before else found_again(self._kind):
            state, curve = self._run(rows, orders, values, stop_of(job), seed, until, state)
        n_trained = int(state.epoch) - n_done
        seconds = time.perf_counter() - started
        if self.n_compilations == before:
            self.seconds_per_epoch = seconds / n_trained
        first = n_done % self._n_epochs
        return state, curve.numpy()[first : first + n_trained - bool(int(state.diverged))]

    def _begin(self, job: Job) -> State:
        """Initial weights, optimizer state and learning rate are put in place."""
        import tensorflow as tf

        weights = self._traced.first_weights(self._stores.start_tensors(job))
        states = tf.constant(first_states(job.seed, len(self._traced.random_states)))
        self._start(weights, states, tf.constant(job.training.learning_rate, tf.float32))
        return self._traced.first_state()

    def _kept(self, job: Job, values: tf.Tensor) -> Kept:
        kept, penalty = self._finish(values)
        weights = {path: value.numpy() for path, value in kept.items()}
        return Kept(weights, float(penalty), self._zeros(job, values))

    def _zeros(self, job: Job, values: tf.Tensor) -> dict[str, float]:
        """Each watched layer's share of zeros on the validation rows; the model is at the weights kept."""
        if not self._traced.watched_layers:
            return {}
        rows = self._stores.fold_tensors(job, self._traced.n_positions)
        size = _tensors.ROWS_AT_ONCE
        pieces = [slice(start, start + size) for start in range(0, len(rows.scores), size)]
        sums = [self._sum_zero_shares(_sliced(rows.x_evaluated, piece), rows.scores[piece], values) for piece in pieces]
        shares = np.sum(sums, axis=0) / len(job.arrays.validation)
        return dict(zip(self._traced.watched_layers, shares.tolist(), strict=True))

    # What is traced, and compiled, once

    def _run_epochs(
        self,
        rows: _tensors.FoldTensors,
        orders: tf.Tensor,
        values: tf.Tensor,
        stop: Stop,
        seed: tf.Tensor,
        until: tf.Tensor,
        state: State,
    ) -> tuple[State, tf.Tensor]:
        """Epochs from `state.epoch` to `until`, or fewer.

        Args:
            rows: See `_tensors.FoldTensors`.
            orders: Row of each position in each epoch of the block, shape (epochs, positions), int32.
            values: A value for each name, shape (names,), float32.
            stop: When the stop rows end the run.
            seed: Of the noise, uint32.
            until: Epochs trained at the end, all pieces together.
            state: Where training stands.

        Returns:
            The state, and the curve of the block with its values where the epochs of this piece are.
        """
        import tensorflow as tf

        def one_epoch(state: State, curve: tf.Tensor) -> tuple[State, tf.Tensor]:
            index = state.epoch % self._n_epochs
            losses = self._train_epoch(rows, orders[index], values, state.epoch, seed)
            state, recorded = self._traced.judge(rows, values, state, stop, losses)
            return state, tf.tensor_scatter_nd_update(curve, [[index]], [recorded])

        with self._traced.opened.filled(self._traced.by_name(values)):
            state, curve = tf.while_loop(
                lambda state, _: (state.epoch < until) & goes_on(state, stop),
                one_epoch,
                (state, tf.zeros((self._n_epochs, 4))),
            )
        return state, curve

    def _train_epoch(
        self, rows: _tensors.FoldTensors, order: tf.Tensor, values: tf.Tensor, epoch: tf.Tensor, seed: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """One pass over the rows; the mean data loss, and a number that is finite if every step's loss is."""
        import tensorflow as tf

        n_steps = self._traced.steps_of(rows.n_train)

        def one_step(step: tf.Tensor, losses: tf.Tensor, total: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
            data_loss, loss = self._traced.take_step(rows, order, values, seed, (epoch, step), self._update)
            return step + 1, losses + (kept_apart(data_loss) if self._is_kept_apart else data_loss), total + loss

        zero = tf.constant(0.0)
        if self._traced.n_steps == 1:
            _, losses, total = one_step(tf.constant(0), zero, zero)
        else:
            _, losses, total = tf.while_loop(lambda step, *_: step < n_steps, one_step, (tf.constant(0), zero, zero))
        return losses / tf.cast(rows.n_train, tf.float32), total


def affordable(seconds_per_epoch: float | None, n_done: int, n_in_block: int) -> int:
    """Epochs of the next piece: about a second's worth, and none beyond the block whose orders are at hand.

    Args:
        seconds_per_epoch: As measured; None before any was.
        n_done: Epochs trained already.
        n_in_block: Epochs in a block of orders.
    """
    wanted = 1 if seconds_per_epoch is None else int(_REPORT_SECONDS / seconds_per_epoch)
    return max(1, min(wanted, n_in_block - n_done % n_in_block))


def is_report_due(reported: float) -> bool:
    """Whether a watch is to be told again, when it was last told at that time of `time.perf_counter`."""
    return time.perf_counter() - reported > _REPORT_SECONDS / 2


_N_TRACED: Counter[str] = Counter()


@contextmanager
def found_again(kind: str) -> Iterator[None]:
    """Let XLA find a program that another process has compiled, and others the one that is traced inside.

    For that the names of its functions have to be the same in every process that traces a program of the kind; the
    second time in this process they are others, for no two functions may have one name.
    """
    key = f"{kind} {_N_TRACED[kind]}"
    _N_TRACED[kind] += 1
    # Below 2^63, and room for four million functions.
    first = int.from_bytes(hashlib.sha256(key.encode()).digest()[:5], "big") << 22
    with programs_found_again(key), functions_numbered_from(first):
        yield


def _sliced(x: dict[str, tf.Tensor], piece: slice) -> dict[str, tf.Tensor]:
    return {name: rows[piece] for name, rows in x.items()}
