"""A whole run as one TensorFlow function: epochs, early stopping, best weights and curve inside.

What distinguishes runs of one architecture (coefficients, rates, learning rate, patience, seed, initial weights, rows)
goes in as values, so that one function, compiled once, serves all configurations, folds and seeds. A Python loop
around `fit` pays some milliseconds for every epoch; this pays once a run, or once a second in runs longer than that.

The mathematics is that of Keras: its layers, its losses, its optimizer's `apply`. Rows that only fill the program's
room up have weight 0 in every loss and metric. Layers that look at other rows of a batch, such as batch normalization,
would still see them: a technique that brings such a layer has to bring a way around that.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from search.models import build_open_model, make_optimizer
from search.records import Curve
from search.techniques import noise
from search.training.engines import _tensors
from search.training.engines._base import Job, Outcome, Watch
from search.training.engines._metrics import weighted_metric
from search.training.engines._optimizer_start import OptimizerStart
from search.training.engines._orders import epochs_in_block
from search.training.session import sums_left_alone

if TYPE_CHECKING:
    import keras
    import tensorflow as tf

_REPORT_SECONDS = 1.0  # a run longer than this is cut into pieces of about this length


def program_key(job: Job) -> tuple[object, ...]:
    """What jobs must have in common to be trained by one program."""
    return (
        repr(job.open),
        job.training.optimizer,
        job.training.batch_size,
        job.metric.name,
        job.capacity,
        job.arrays.y_train.shape[1:],
        job.arrays.y_train.dtype.str,
    )


class Program:
    """The training of one architecture, ready for any of its jobs.

    Args:
        job: One of the jobs that it will serve; see `program_key`.
        compiled: Whether XLA compiles all of it, or only the step from gradients to weights.
    """

    def __init__(self, job: Job, *, compiled: bool) -> None:
        import keras
        import tensorflow as tf

        self._opened = build_open_model(job.open)
        self._model = self._opened.model
        # Penalties are computed apart from the layers; without theirs, `model.losses` are those of activations.
        self._regularizers = [weight.regularizer for weight in self._model.trainable_variables]
        for weight in self._model.trainable_variables:
            weight.regularizer = None
        self._loss = keras.losses.get(job.plain.loss)
        self._metric_name = job.metric.name
        self._optimizer = make_optimizer(job.training)
        self._optimizer.build(self._model.trainable_variables)
        self._optimizer_start = OptimizerStart(self._optimizer, self._model.trainable_variables)
        self._slots = self._opened.defaults
        self._kept = [tf.Variable(weight.value) for weight in self._model.weights]
        self._capacity = job.capacity
        self._batch_size = min(job.training.batch_size, job.capacity.train)
        self._n_steps = -(-job.capacity.train // self._batch_size)
        self._n_positions = self._n_steps * self._batch_size
        self._n_epochs = epochs_in_block(job.capacity.train)
        self._start = tf.function(self._assign_start, autograph=False)
        # Weight by weight the work of penalties and optimizer is a dozen passes over memory, which XLA makes one of.
        self._update = tf.function(self._update_weights, autograph=False, jit_compile=True)
        self._run = tf.function(self._run_epochs, autograph=False, jit_compile=True if compiled else None)
        self._finish = tf.function(self._read_kept, autograph=False)
        self.seconds_per_epoch: float | None = None

    @property
    def n_compilations(self) -> int:
        """How often the training was traced, and so compiled."""
        return int(self._run.experimental_get_tracing_count())

    def train(self, job: Job, watch: Watch) -> Outcome:
        """Train one job to its end."""
        with sums_left_alone():
            return self._train(job, watch)

    def _train(self, job: Job, watch: Watch) -> Outcome:
        rows, values, state = _tensors.rows_of(job, self._n_positions), self._values_of(job), self._begin(job)
        pieces: list[npt.NDArray[np.float32]] = []
        n_done = n_reported = 0
        going, reported = True, time.perf_counter()
        while going and n_done < job.training.epochs:
            n_asked = min(self._affordable(n_done), job.training.epochs - n_done)
            state, piece = self._continue(job, rows, values, state, n_done, n_asked)
            pieces.append(piece)
            n_done += len(piece)
            if int(state.diverged) or (job.patience is not None and int(state.waited) >= job.patience):
                break
            if time.perf_counter() - reported > _REPORT_SECONDS / 2 and n_done < job.training.epochs:
                reported, fresh = time.perf_counter(), np.concatenate(pieces)[n_reported:, _METRIC]
                going = watch(n_reported + 1, fresh)
                n_reported = n_done
        return self._outcome(job, values, state, np.concatenate(pieces), withdrawn=not going)

    def _affordable(self, n_done: int) -> int:
        """Epochs of the next piece: about a second's worth, and none beyond the block whose orders are at hand."""
        wanted = 1 if self.seconds_per_epoch is None else int(_REPORT_SECONDS / self.seconds_per_epoch)
        return max(1, min(wanted, self._n_epochs - n_done % self._n_epochs))

    def _continue(
        self, job: Job, rows: _tensors.Rows, values: tf.Tensor, state: _State, n_done: int, n_asked: int
    ) -> tuple[_State, npt.NDArray[np.float32]]:
        """Train `n_asked` epochs more, or fewer when patience or divergence ends them.

        Returns:
            The state, and the curve of these epochs without a diverged one, shape (epochs, 4).
        """
        import tensorflow as tf

        before, started = self.n_compilations, time.perf_counter()
        state, curve = self._run(
            rows,
            _tensors.orders_of(job, n_done // self._n_epochs, self._n_epochs, self._n_positions),
            values,
            tf.constant(job.patience or 0, tf.int32),
            tf.constant(job.seed, tf.uint32),
            tf.constant(n_done + n_asked, tf.int32),
            state,
        )
        n_trained = int(state.epoch) - n_done
        seconds = time.perf_counter() - started
        if self.n_compilations == before:
            self.seconds_per_epoch = seconds / n_trained
        first = n_done % self._n_epochs
        return state, curve.numpy()[first : first + n_trained - bool(int(state.diverged))]

    def _begin(self, job: Job) -> _State:
        """Initial weights, optimizer state and learning rate are put in place."""
        import tensorflow as tf

        weights = _tensors.start_of(job, [layer.name for layer in self._model.layers])
        self._start(weights, tf.constant(job.training.learning_rate, tf.float32))
        return _State(
            epoch=tf.constant(0),
            best_loss=tf.constant(np.inf, tf.float32),
            best_epoch=tf.constant(0),
            waited=tf.constant(0),
            diverged=tf.constant(0),
            predicted=tf.zeros((_tensors.padded(self._capacity.evaluated), self._model.output_shape[-1])),
        )

    def _values_of(self, job: Job) -> tf.Tensor:
        """A value for each slot, shape (slots,)."""
        import tensorflow as tf

        return tf.constant([job.values.get(name, off) for name, off in self._slots], tf.float32, (len(self._slots),))

    def _outcome(
        self, job: Job, values: tf.Tensor, state: _State, curve: npt.NDArray[np.float32], *, withdrawn: bool
    ) -> Outcome:
        diverged = int(state.diverged) or None
        weights: dict[str, npt.NDArray[Any]] = {}
        score, penalty = float("nan"), 0.0
        if diverged is None:
            kept, penalties = self._finish(values)
            weights, penalty = {path: value.numpy() for path, value in kept.items()}, float(penalties)
            n_stop, n_scored = _tensors.n_stop_apart(job.arrays), len(job.arrays.x_validation)
            score = job.metric.score(job.arrays.y_validation, state.predicted.numpy()[n_stop : n_stop + n_scored])
        train_loss, validation_loss, validation_metric, stop_loss = curve.T
        return Outcome(
            curve=Curve(train_loss, validation_loss, validation_metric, () if job.patience is None else stop_loss),
            score=score,
            best_epoch=int(state.best_epoch),
            diverged_epoch=diverged,
            weights=weights,
            penalty=penalty,
            withdrawn=withdrawn,
        )

    # What is traced, and compiled, once

    def _assign_start(self, weights: list[tf.Tensor], learning_rate: tf.Tensor) -> None:
        for variable, value in zip(self._model.weights, weights, strict=True):
            variable.assign(value)
        self._optimizer_start.assign()
        self._optimizer.learning_rate.assign(learning_rate)

    def _read_kept(self, values: tf.Tensor) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
        """The trainable weights that were kept, by path, and the sum of their penalties."""
        kept = {id(weight): value for weight, value in zip(self._model.weights, self._kept, strict=True)}
        with self._filled(values):
            penalty = self._penalty([kept[id(weight)] for weight in self._model.trainable_variables])
        paths = {
            f"{layer.name}/{weight.name}": kept[id(weight)].read_value()
            for layer in self._model.layers
            for weight in layer.trainable_weights
        }
        return paths, penalty

    def _filled(self, values: tf.Tensor) -> AbstractContextManager[keras.Model]:
        return self._opened.filled({name: values[index] for index, (name, _) in enumerate(self._slots)})

    def _run_epochs(
        self,
        rows: _tensors.Rows,
        orders: tf.Tensor,
        values: tf.Tensor,
        patience: tf.Tensor,
        seed: tf.Tensor,
        until: tf.Tensor,
        state: _State,
    ) -> tuple[_State, tf.Tensor]:
        """Epochs from `state.epoch` to `until`, or fewer.

        Args:
            rows: See `_tensors.Rows`.
            orders: Row of each position in each epoch of the block, shape (epochs, positions), int32.
            values: A value for each slot, shape (slots,), float32.
            patience: 0 keeps the last epoch and trains all.
            seed: Of the noise, uint32.
            until: Epochs trained at the end, all pieces together.
            state: Where training stands.

        Returns:
            The state, and the curve of the block with its values where the epochs of this piece are.
        """
        import tensorflow as tf

        def goes_on(state: _State, curve: tf.Tensor) -> tf.Tensor:
            waits = (patience == 0) | (state.waited < patience)
            return (state.epoch < until) & (state.diverged == 0) & waits

        def one_epoch(state: _State, curve: tf.Tensor) -> tuple[_State, tf.Tensor]:
            index = state.epoch % self._n_epochs
            train_loss, total = self._train_epoch(rows, orders[index], values, state.epoch, seed)
            total += self._penalty([weight.value for weight in self._model.trainable_variables])
            state, recorded = self._judge(rows, state, patience, train_loss, total)
            return state, tf.tensor_scatter_nd_update(curve, [[index]], [recorded])

        with self._filled(values):
            state, curve = tf.while_loop(goes_on, one_epoch, (state, tf.zeros((self._n_epochs, 4))))
        return state, curve

    def _train_epoch(
        self, rows: _tensors.Rows, order: tf.Tensor, values: tf.Tensor, epoch: tf.Tensor, seed: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """One pass over the rows; the mean data loss, and a number that is finite if every step's loss is."""
        import tensorflow as tf

        size = self._batch_size
        n_steps = (rows.n_train + size - 1) // size

        def one_step(step: tf.Tensor, losses: tf.Tensor, total: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
            batch = tf.slice(order, [step * size], [size])
            weight = tf.cast(step * size + tf.range(size) < rows.n_train, tf.float32)
            with noise.noise_step(noise.step_key(seed, tf.cast(epoch * n_steps + step, tf.uint32))):
                batch_losses, batch_total = self._step(
                    tf.gather(rows.x, batch), tf.gather(rows.y, batch), weight, values
                )
            return step + 1, losses + batch_losses, total + batch_total

        zero = tf.constant(0.0)
        if self._n_steps == 1:
            _, losses, total = one_step(tf.constant(0), zero, zero)
        else:
            _, losses, total = tf.while_loop(lambda step, *_: step < n_steps, one_step, (tf.constant(0), zero, zero))
        return losses / tf.cast(rows.n_train, tf.float32), total

    def _step(self, x: tf.Tensor, y: tf.Tensor, weight: tf.Tensor, values: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """One step of the optimizer; the sum of the rows' data losses, and the loss but for penalties on weights."""
        import tensorflow as tf

        with tf.GradientTape() as tape:
            predicted = self._model(x, training=True)
            losses = _summed(self._loss(y, tf.cast(predicted, tf.float32)), weight)
            total = tf.add_n([losses / tf.reduce_sum(weight), *(tf.cast(p, tf.float32) for p in self._model.losses)])
        gradients = tape.gradient(total, [variable.value for variable in self._model.trainable_variables])
        self._update(gradients, values)
        return losses, total

    def _update_weights(self, gradients: list[tf.Tensor], values: tf.Tensor) -> None:
        """Add the penalties' gradients, and let the optimizer take its step.

        The penalties themselves are not computed: their sums would take as long as all the rest here.
        """
        import tensorflow as tf

        variables = self._model.trainable_variables
        with self._filled(values), tf.GradientTape() as tape:
            penalty = self._penalty([variable.value for variable in variables])
        of_penalty = tape.gradient(penalty, [variable.value for variable in variables])
        pairs = zip(gradients, of_penalty, strict=True)
        total = [first if second is None else first + second for first, second in pairs]
        self._optimizer.apply(total, variables)

    def _penalty(self, weights: Sequence[tf.Tensor]) -> tf.Tensor:
        """The sum of the penalties of trainable weights with these values."""
        import tensorflow as tf

        pairs = zip(self._regularizers, weights, strict=True)
        penalties = [tf.cast(regularizer(weight), tf.float32) for regularizer, weight in pairs if regularizer]
        return tf.add_n([tf.constant(0.0), *penalties])

    def _judge(
        self, rows: _tensors.Rows, state: _State, patience: tf.Tensor, train_loss: tf.Tensor, total: tf.Tensor
    ) -> tuple[_State, tf.Tensor]:
        """Evaluate, keep the weights if they are the best so far, and take the epoch down.

        Source: the counting of `search.training.stopping.BestEpoch`.
        """
        import tensorflow as tf

        predicted, losses = self._evaluate(rows)
        validation_loss = _summed(losses, rows.scores) / tf.reduce_sum(rows.scores)
        stop_loss = _summed(losses, rows.stops) / tf.maximum(tf.reduce_sum(rows.stops), 1.0)
        weights = [tf.reduce_all(tf.math.is_finite(v.value)) for v in self._model.trainable_variables]
        finite = tf.math.is_finite(total + validation_loss + stop_loss) & tf.reduce_all(tf.stack(weights))
        improved = (patience == 0) | (stop_loss < state.best_loss)
        keeps = improved & finite
        for kept, weight in zip(self._kept, self._model.weights, strict=True):
            kept.assign(tf.where(keeps, weight.value, kept))
        epoch = state.epoch + 1
        judged = _State(
            epoch=epoch,
            best_loss=tf.where(keeps, stop_loss, state.best_loss),
            best_epoch=tf.where(keeps, epoch, state.best_epoch),
            waited=tf.where(improved, 0, state.waited + 1),
            diverged=tf.where(finite, 0, epoch),
            predicted=tf.where(keeps, predicted, state.predicted),
        )
        metric = weighted_metric(self._metric_name, rows.y_evaluated, predicted, rows.scores)
        return judged, tf.stack([train_loss, validation_loss, metric, stop_loss])

    def _evaluate(self, rows: _tensors.Rows) -> tuple[tf.Tensor, tf.Tensor]:
        """Predictions, shape (rows, outputs), and data losses, shape (rows,), of stop and validation rows."""
        import tensorflow as tf

        def evaluate(piece: tuple[tf.Tensor, tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
            predicted = tf.cast(self._model(piece[0], training=False), tf.float32)
            return predicted, self._loss(piece[1], predicted)

        n_rows = _tensors.padded(self._capacity.evaluated)
        if n_rows <= _tensors.ROWS_AT_ONCE:
            return evaluate((rows.x_evaluated, rows.y_evaluated))
        pieces = [_in_pieces(values) for values in (rows.x_evaluated, rows.y_evaluated)]
        predicted, losses = tf.map_fn(
            evaluate, tuple(pieces), fn_output_signature=(tf.float32, tf.float32), parallel_iterations=1
        )
        return tf.reshape(predicted, (n_rows, -1)), tf.reshape(losses, (n_rows,))


_TRAIN_LOSS, _VALIDATION_LOSS, _METRIC, _STOP_LOSS = range(4)


class _State(NamedTuple):
    """Where the training of a run stands: scalars, and the predictions at the weights kept."""

    epoch: tf.Tensor
    best_loss: tf.Tensor
    best_epoch: tf.Tensor
    waited: tf.Tensor
    diverged: tf.Tensor
    predicted: tf.Tensor


def _in_pieces(rows: tf.Tensor) -> tf.Tensor:
    import tensorflow as tf

    return tf.reshape(rows, (-1, _tensors.ROWS_AT_ONCE, *rows.shape[1:]))


def _summed(losses: tf.Tensor, weight: tf.Tensor) -> tf.Tensor:
    """Sum over the rows that count, whatever the others are."""
    import tensorflow as tf

    return tf.reduce_sum(tf.where(weight > 0, losses, 0.0))
