"""A whole run as one TensorFlow function: epochs, early stopping, best weights and curve inside.

What distinguishes runs of one architecture (coefficients, rates, learning rate, patience, seed, initial weights, rows)
goes in as values, so that one function, compiled once, serves all configurations, folds and seeds. A Python loop
around `fit` pays some milliseconds for every epoch; this pays once a run, or once a second in runs longer than that.

The mathematics is that of Keras: its layers, its losses, its optimizer's `apply`. Rows that only fill the program's
room up have weight 0 in every loss and metric. Layers that look at other rows of a batch, such as batch normalization,
would still see them: a technique that brings such a layer has to bring a way around that.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from search.data import Arrays
from search.models import build_open_model, make_optimizer
from search.records import Curve
from search.techniques import noise
from search.training.engines._base import Job, Outcome, Watch
from search.training.engines._evaluation import loss_targets
from search.training.engines._initial import Weights, initial_weights
from search.training.engines._metrics import weighted_metric
from search.training.engines._orders import epoch_orders, epochs_in_block
from search.training.plan import Capacity
from search.training.recent import Recent
from search.training.session import sums_left_alone

if TYPE_CHECKING:
    import keras
    import tensorflow as tf

_REPORT_SECONDS = 1.0  # a run longer than this is cut into pieces of about this length
_ROWS_AT_ONCE = 2048  # evaluated in one piece: bounds the memory that activations take


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
        self._optimizer_start = _OptimizerStart(self._optimizer, self._model.trainable_variables)
        self._slots = self._opened.defaults
        self._kept = [tf.Variable(weight.value) for weight in self._model.weights]
        self._capacity = job.capacity
        self._batch_size = min(job.training.batch_size, job.capacity.train)
        self._n_steps = -(-job.capacity.train // self._batch_size)
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
        rows, values, state = self._rows_of(job), self._values_of(job), self._begin(job)
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
        self, job: Job, rows: _Rows, values: tf.Tensor, state: _State, n_done: int, n_asked: int
    ) -> tuple[_State, npt.NDArray[np.float32]]:
        """Train `n_asked` epochs more, or fewer when patience or divergence ends them.

        Returns:
            The state, and the curve of these epochs without a diverged one, shape (epochs, 4).
        """
        import tensorflow as tf

        before, started = self.n_compilations, time.perf_counter()
        state, curve = self._run(
            rows,
            self._orders_of(job, n_done // self._n_epochs),
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

        weights = _STARTS.get(
            (repr(job.plain), job.seed), lambda: [tf.constant(value) for value in self._in_order(initial_weights(job))]
        )
        self._start(weights, tf.constant(job.training.learning_rate, tf.float32))
        return _State(
            epoch=tf.constant(0),
            best_loss=tf.constant(np.inf, tf.float32),
            best_epoch=tf.constant(0),
            waited=tf.constant(0),
            diverged=tf.constant(0),
            predicted=tf.zeros((_padded(self._capacity.evaluated), self._model.output_shape[-1])),
        )

    def _in_order(self, weights: Weights) -> list[npt.NDArray[Any]]:
        """Initial values in the order of the model's weights."""
        return [value for layer in self._model.layers for value in weights.get(layer.name, ())]

    def _rows_of(self, job: Job) -> _Rows:
        """The rows of a job as tensors."""
        n_train = self._n_steps * self._batch_size
        key = (id(job.arrays), n_train, self._capacity)
        return _ROWS.get(key, lambda: (job.arrays, _make_rows(job, n_train)))[1]

    def _orders_of(self, job: Job, block: int) -> tf.Tensor:
        """The row of each position in each epoch of a block, shape (epochs, steps * batch size)."""
        import tensorflow as tf

        n_train, n_positions = len(job.arrays.x_train), self._n_steps * self._batch_size

        def draw() -> tf.Tensor:
            orders = epoch_orders(job.seed, n_train, self._n_epochs).block(block)
            return tf.constant(np.pad(orders, ((0, 0), (0, n_positions - n_train))))

        return _ORDERS.get((job.seed, n_train, n_positions, self._n_epochs, block), draw)

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
            n_stop, n_scored = _n_stop_apart(job.arrays), len(job.arrays.x_validation)
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
        rows: _Rows,
        orders: tf.Tensor,
        values: tf.Tensor,
        patience: tf.Tensor,
        seed: tf.Tensor,
        until: tf.Tensor,
        state: _State,
    ) -> tuple[_State, tf.Tensor]:
        """Epochs from `state.epoch` to `until`, or fewer.

        Args:
            rows: See `_Rows`.
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
        self, rows: _Rows, order: tf.Tensor, values: tf.Tensor, epoch: tf.Tensor, seed: tf.Tensor
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
        self, rows: _Rows, state: _State, patience: tf.Tensor, train_loss: tf.Tensor, total: tf.Tensor
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

    def _evaluate(self, rows: _Rows) -> tuple[tf.Tensor, tf.Tensor]:
        """Predictions, shape (rows, outputs), and data losses, shape (rows,), of stop and validation rows."""
        import tensorflow as tf

        def evaluate(piece: tuple[tf.Tensor, tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
            predicted = tf.cast(self._model(piece[0], training=False), tf.float32)
            return predicted, self._loss(piece[1], predicted)

        n_rows = _padded(self._capacity.evaluated)
        if n_rows <= _ROWS_AT_ONCE:
            return evaluate((rows.x_evaluated, rows.y_evaluated))
        pieces = [_in_pieces(values) for values in (rows.x_evaluated, rows.y_evaluated)]
        predicted, losses = tf.map_fn(
            evaluate, tuple(pieces), fn_output_signature=(tf.float32, tf.float32), parallel_iterations=1
        )
        return tf.reshape(predicted, (n_rows, -1)), tf.reshape(losses, (n_rows,))


_TRAIN_LOSS, _VALIDATION_LOSS, _METRIC, _STOP_LOSS = range(4)


def _n_bytes(tensors: Iterable[tf.Tensor]) -> int:
    return sum(tensor.dtype.size * math.prod(tensor.shape) for tensor in tensors)


# What runs take over from one another, whatever their program, is kept up to bounds in bytes: a worker that grows much
# is started anew. The arrays are kept beside their tensors so that no others can come under their identity.
_ROWS: Recent[tuple[int, int, Capacity], tuple[Arrays, _Rows]] = Recent(256 * 2**20, lambda kept: _n_bytes(kept[1]))
_ORDERS: Recent[tuple[int, ...], tf.Tensor] = Recent(32 * 2**20, lambda orders: _n_bytes([orders]))
_STARTS: Recent[tuple[str, int], list[tf.Tensor]] = Recent(64 * 2**20, _n_bytes)


class _State(NamedTuple):
    """Where the training of a run stands: scalars, and the predictions at the weights kept."""

    epoch: tf.Tensor
    best_loss: tf.Tensor
    best_epoch: tf.Tensor
    waited: tf.Tensor
    diverged: tf.Tensor
    predicted: tf.Tensor


class _Rows(NamedTuple):
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


def _make_rows(job: Job, n_train: int) -> _Rows:
    import tensorflow as tf

    arrays, n_evaluated = job.arrays, _padded(job.capacity.evaluated)
    n_stop, n_scored = _n_stop_apart(arrays), len(arrays.x_validation)
    stops, scores = np.zeros((2, n_evaluated), np.float32)
    scores[n_stop : n_stop + n_scored] = 1
    stops[: n_stop or (n_scored if len(arrays.x_stop) else 0)] = 1
    y_train, y_stop, y_validation = (
        _loss_typed(loss_targets(job, y)) for y in (arrays.y_train, arrays.y_stop, arrays.y_validation)
    )
    return _Rows(
        x=tf.constant(_filled(arrays.x_train, n_train)),
        y=tf.constant(_filled(y_train, n_train)),
        n_train=tf.constant(len(arrays.x_train)),
        x_evaluated=tf.constant(_filled(np.concatenate([arrays.x_stop[:n_stop], arrays.x_validation]), n_evaluated)),
        y_evaluated=tf.constant(_filled(np.concatenate([y_stop[:n_stop], y_validation]), n_evaluated)),
        stops=tf.constant(stops),
        scores=tf.constant(scores),
    )


def _n_stop_apart(arrays: Arrays) -> int:
    """Stop rows that are not the validation rows themselves."""
    return 0 if arrays.x_stop is arrays.x_validation else len(arrays.x_stop)


def _loss_typed(targets: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Class indices of a loss that takes them as such in int32, everything else in float32."""
    return targets.astype(np.int32 if targets.ndim == 1 else np.float32)


def _filled(rows: npt.NDArray[Any], n_rows: int) -> npt.NDArray[Any]:
    room = n_rows - len(rows)
    return np.concatenate([rows, np.zeros((room, *rows.shape[1:]), rows.dtype)]) if room else rows


def _padded(n_rows: int) -> int:
    """Rows with the filling that whole pieces need."""
    return n_rows if n_rows <= _ROWS_AT_ONCE else -(-n_rows // _ROWS_AT_ONCE) * _ROWS_AT_ONCE


def _in_pieces(rows: tf.Tensor) -> tf.Tensor:
    import tensorflow as tf

    return tf.reshape(rows, (-1, _ROWS_AT_ONCE, *rows.shape[1:]))


def _summed(losses: tf.Tensor, weight: tf.Tensor) -> tf.Tensor:
    """Sum over the rows that count, whatever the others are."""
    import tensorflow as tf

    return tf.reduce_sum(tf.where(weight > 0, losses, 0.0))


class _OptimizerStart:
    """The state that an optimizer begins with, so that it can be used for run after run.

    Most begin with constants; some (ScheduleFreeAdamW) with copies of the weights, and of those it is noted which.
    """

    def __init__(self, optimizer: keras.Optimizer, weights: list[keras.Variable]) -> None:
        self._constants: list[tuple[keras.Variable, npt.NDArray[Any]]] = []
        self._copies: list[tuple[keras.Variable, keras.Variable]] = []
        for variable in optimizer.variables:
            value = variable.numpy()
            source = next((w for w in weights if value.any() and np.array_equal(value, w.numpy())), None)
            if source is None:
                self._constants.append((variable, value))
            else:
                self._copies.append((variable, source))

    def assign(self) -> None:
        """Put the state in place; the weights are the initial ones already."""
        for variable, value in self._constants:
            variable.assign(value)
        for variable, source in self._copies:
            variable.assign(source.value)
