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
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from search.models import Architecture, build_open_model, probabilities_of, weights_by_path
from search.records import Curve
from search.techniques import TECHNIQUES, Batch, OptimizerTechnique, noise
from search.techniques.private import functions_numbered_from, tracing_count
from search.training.engines import _tensors
from search.training.engines._base import NOT_PREDICTED, Job, Outcome, Watch
from search.training.engines._evaluation import score_validation
from search.training.engines._initial import first_states, random_states
from search.training.engines._one_kernel import fits_one_kernel, kept_apart
from search.training.engines._optimizer_start import OptimizerStart
from search.training.engines._orders import epochs_in_block
from search.training.engines._step import TrainingStep, as_input, predictions, step_names, summed
from search.training.engines._stores import Stores
from search.training.engines._zeros import watched_layers, zero_shares
from search.training.session import programs_found_again, sums_left_alone
from search.training.stopping import Stopping

if TYPE_CHECKING:
    import tensorflow as tf

_REPORT_SECONDS = 1.0  # a run longer than this is cut into pieces of about this length


def program_key(job: Job) -> tuple[object, ...]:
    """What jobs must have in common to be trained by one program."""
    return (
        repr(job.open),
        step_names(job.names),
        tuple(name for name in job.names if isinstance(TECHNIQUES.get(name), OptimizerTechnique)),
        repr((job.training.optimizer, job.training.schedule)),
        job.training.batch_size,
        job.metric.label,
        job.capacity,
        job.arrays.train.y.shape[1:],
        job.arrays.train.y.dtype.str,
        job.arrays.are_weighted,
        job.arrays.validation.is_weighted,
        job.arrays.target_scale is not None,
    )


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
        self._opened = build_open_model(job.open, job.training, job.names)
        self._model, self._optimizer = self._opened.model, self._opened.optimizer
        self._optimizer.build(self._model.trainable_variables)
        self._optimizer_start = OptimizerStart(self._optimizer, self._model.trainable_variables)
        self._step = TrainingStep(self._model, self._optimizer, job.plain, job.names)
        self._is_kept_apart = compiled and not fits_one_kernel(self._model, self._optimizer, job.names)
        self._names = tuple(sorted({*self._opened.names, *step_names(job.names)}))
        self._loss, self._link, self._form = job.plain.loss.make(), job.plain.loss.link, job.plain.loss.form
        self._is_weighted = job.arrays.are_weighted
        self._weighs_scores = job.arrays.validation.is_weighted
        self._scales_target = job.arrays.target_scale is not None
        self._metric = job.metric
        self._weights = weights_by_path(self._model)
        self._first_weights = {path: tf.constant(weight.numpy()) for path, weight in self._weights.items()}
        self._random_states = random_states(self._model)
        self._kept = {path: tf.Variable(weight.value) for path, weight in self._weights.items()}
        self._watched_layers = watched_layers(job)
        self._capacity = job.capacity
        self._batch_size = min(job.training.batch_size, job.capacity.train)
        self._n_steps = -(-job.capacity.train // self._batch_size)
        self._n_positions = self._n_steps * self._batch_size
        self._n_epochs = epochs_in_block(job.capacity.train)
        self._start = tf.function(self._assign_start, autograph=False)
        # Weight by weight the work of penalties and optimizer is a dozen passes over memory, which XLA makes one of.
        self._update = tf.function(self._update_weights, autograph=False, jit_compile=True)
        self._run = tf.function(self._run_epochs, autograph=False, jit_compile=True if compiled else None)
        self._finish = tf.function(self._return_to_kept, autograph=False)
        self._sum_zero_shares = tf.function(self._zero_shares, autograph=False)
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
        rows, values, state = self._stores.fold_tensors(job, self._n_positions), self._values_of(job), self._begin(job)
        pieces: list[npt.NDArray[np.float32]] = []
        n_done = n_reported = 0
        going, reported = True, time.perf_counter()
        while going and n_done < job.training.epochs:
            n_asked = min(self._affordable(n_done), job.training.epochs - n_done)
            state, piece = self._continue(job, rows, values, state, n_done, n_asked)
            pieces.append(piece)
            n_done += len(piece)
            if int(state.diverged) or (job.stopping is not None and int(state.waited) >= job.stopping.patience):
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
        self, job: Job, rows: _tensors.FoldTensors, values: tf.Tensor, state: _State, n_done: int, n_asked: int
    ) -> tuple[_State, npt.NDArray[np.float32]]:
        """Train `n_asked` epochs more, or fewer when patience or divergence ends them.

        Returns:
            The state, and the curve of these epochs without a diverged one, shape (epochs, 4).
        """
        import tensorflow as tf

        before, started = self.n_compilations, time.perf_counter()
        orders = self._stores.order_tensor(job, n_done // self._n_epochs, self._n_epochs, self._n_positions)
        seed, until = tf.constant(job.seed, tf.uint32), tf.constant(n_done + n_asked, tf.int32)
        with nullcontext() if before else _found_again(self._kind):
            state, curve = self._run(rows, orders, values, _stop_of(job), seed, until, state)
        n_trained = int(state.epoch) - n_done
        seconds = time.perf_counter() - started
        if self.n_compilations == before:
            self.seconds_per_epoch = seconds / n_trained
        first = n_done % self._n_epochs
        return state, curve.numpy()[first : first + n_trained - bool(int(state.diverged))]

    def _begin(self, job: Job) -> _State:
        """Initial weights, optimizer state and learning rate are put in place."""
        import tensorflow as tf

        given = self._stores.start_tensors(job)
        weights = [given.get(path, first) for path, first in self._first_weights.items()]
        states = tf.constant(first_states(job.seed, len(self._random_states)))
        self._start(weights, states, tf.constant(job.training.learning_rate, tf.float32))
        return _State(
            epoch=tf.constant(0),
            best_loss=tf.constant(np.inf, tf.float32),
            best_epoch=tf.constant(0),
            waited=tf.constant(0),
            diverged=tf.constant(0),
            predicted=tf.zeros((_tensors.padded(self._capacity.evaluated), self._model.outputs[0].shape[-1])),
        )

    def _values_of(self, job: Job) -> tf.Tensor:
        """A value for each name, not a number for what is off; shape (names,)."""
        import tensorflow as tf

        return tf.constant([job.values.get(name, np.nan) for name in self._names], tf.float32, (len(self._names),))

    def _outcome(
        self, job: Job, values: tf.Tensor, state: _State, curve: npt.NDArray[np.float32], *, withdrawn: bool
    ) -> Outcome:
        diverged = int(state.diverged) or None
        weights: dict[str, npt.NDArray[Any]] = {}
        score, penalty, shares = float("nan"), 0.0, dict[str, float]()
        predicted: npt.NDArray[np.floating[Any]] = NOT_PREDICTED
        if diverged is None:
            kept, penalties = self._finish(values)
            present = tuple(f"{name}/" for name in _layer_paths(job.regularized))
            weights = {path: value.numpy() for path, value in kept.items() if path.startswith(present)}
            penalty, shares = float(penalties), self._zeros(job, values)
            n_stop, n_scored = _tensors.n_stop_apart(job.arrays), len(job.arrays.validation)
            scored = state.predicted.numpy()[n_stop : n_stop + n_scored]
            score = score_validation(job, scored)
            # A copy: a part would hold on to the filling and the stop rows.
            predicted = job.arrays.in_own_unit(scored.copy())
        train_loss, validation_loss, validation_metric, stop_loss = curve.T
        return Outcome(
            curve=Curve(train_loss, validation_loss, validation_metric, () if job.stopping is None else stop_loss),
            score=score,
            best_epoch=int(state.best_epoch),
            diverged_epoch=diverged,
            weights=weights,
            penalty=penalty,
            zero_shares=shares,
            predicted=predicted,
            withdrawn=withdrawn,
        )

    def _zeros(self, job: Job, values: tf.Tensor) -> dict[str, float]:
        """Each watched layer's share of zeros on the validation rows; the model is at the weights kept."""
        if not self._watched_layers:
            return {}
        rows = self._stores.fold_tensors(job, self._n_positions)
        size = _tensors.ROWS_AT_ONCE
        pieces = [slice(start, start + size) for start in range(0, len(rows.scores), size)]
        sums = [self._sum_zero_shares(_sliced(rows.x_evaluated, piece), rows.scores[piece], values) for piece in pieces]
        shares = np.sum(sums, axis=0) / len(job.arrays.validation)
        return dict(zip(self._watched_layers, shares.tolist(), strict=True))

    # What is traced, and compiled, once

    def _assign_start(self, weights: list[tf.Tensor], states: tf.Tensor, learning_rate: tf.Tensor) -> None:
        for variable, value in zip(self._weights.values(), weights, strict=True):
            variable.assign(value)
        for index, state in enumerate(self._random_states):
            state.assign(states[index])
        self._optimizer_start.assign()
        self._opened.learning_rate.assign(learning_rate)

    def _return_to_kept(self, values: tf.Tensor) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
        """Put the weights that were kept back in place; they, by path, and the sum of their penalties."""
        kept = {path: value.read_value() for path, value in self._kept.items()}
        for path, variable in self._weights.items():
            variable.assign(kept[path])
        with self._opened.filled(self._by_name(values)):
            return kept, self._step.penalty()

    def _zero_shares(self, x: dict[str, tf.Tensor], counts: tf.Tensor, values: tf.Tensor) -> tf.Tensor:
        with self._opened.filled(self._by_name(values)):
            return zero_shares(self._model, self._watched_layers, x, counts)

    def _by_name(self, values: tf.Tensor) -> dict[str, tf.Tensor]:
        return {name: values[index] for index, name in enumerate(self._names)}

    def _run_epochs(
        self,
        rows: _tensors.FoldTensors,
        orders: tf.Tensor,
        values: tf.Tensor,
        stop: _Stop,
        seed: tf.Tensor,
        until: tf.Tensor,
        state: _State,
    ) -> tuple[_State, tf.Tensor]:
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

        def goes_on(state: _State, curve: tf.Tensor) -> tf.Tensor:
            waits = (stop.patience == 0) | (state.waited < stop.patience)
            return (state.epoch < until) & (state.diverged == 0) & waits

        def one_epoch(state: _State, curve: tf.Tensor) -> tuple[_State, tf.Tensor]:
            index = state.epoch % self._n_epochs
            train_loss, total = self._train_epoch(rows, orders[index], values, state.epoch, seed)
            with self._step.averaged():
                state, recorded = self._judge(rows, state, stop, train_loss, total + self._step.penalty())
            return state, tf.tensor_scatter_nd_update(curve, [[index]], [recorded])

        with self._opened.filled(self._by_name(values)):
            state, curve = tf.while_loop(goes_on, one_epoch, (state, tf.zeros((self._n_epochs, 4))))
        return state, curve

    def _train_epoch(
        self, rows: _tensors.FoldTensors, order: tf.Tensor, values: tf.Tensor, epoch: tf.Tensor, seed: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """One pass over the rows; the mean data loss, and a number that is finite if every step's loss is."""
        import tensorflow as tf

        size = self._batch_size
        n_steps = (rows.n_train + size - 1) // size

        def one_step(step: tf.Tensor, losses: tf.Tensor, total: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
            places = tf.slice(order, [step * size], [size])
            key = noise.step_key(seed, tf.cast(epoch * n_steps + step, tf.uint32))
            batch = Batch(
                x={name: tf.gather(values, places) for name, values in rows.x.items()},
                y=tf.gather(rows.y, places),
                weight=tf.gather(rows.weight, places) if self._is_weighted else tf.ones(size),
                counts=tf.cast(step * size + tf.range(size) < rows.n_train, tf.float32),
            )
            gradients, data_loss, loss = self._step.gradients(batch, self._by_name(values), key)
            self._update(gradients, values)
            return step + 1, losses + (kept_apart(data_loss) if self._is_kept_apart else data_loss), total + loss

        zero = tf.constant(0.0)
        if self._n_steps == 1:
            _, losses, total = one_step(tf.constant(0), zero, zero)
        else:
            _, losses, total = tf.while_loop(lambda step, *_: step < n_steps, one_step, (tf.constant(0), zero, zero))
        return losses / tf.cast(rows.n_train, tf.float32), total

    def _update_weights(self, gradients: list[tf.Tensor], values: tf.Tensor) -> None:
        by_name = self._by_name(values)
        with self._opened.filled(by_name):
            self._step.apply(gradients, by_name)

    def _judge(
        self, rows: _tensors.FoldTensors, state: _State, stop: _Stop, train_loss: tf.Tensor, total: tf.Tensor
    ) -> tuple[_State, tf.Tensor]:
        """Evaluate, keep the weights if they are the best so far, and take the epoch down.

        Source: the counting of `search.training.stopping.BestEpoch`.
        """
        import tensorflow as tf

        predicted, losses = self._evaluate(rows)
        validation_loss = summed(losses, rows.scores) / tf.reduce_sum(rows.scores)
        stop_loss = summed(losses, rows.stops) / tf.maximum(tf.reduce_sum(rows.stops), 1.0)
        weights = [tf.reduce_all(tf.math.is_finite(v.value)) for v in self._model.trainable_variables]
        finite = tf.math.is_finite(total + validation_loss + stop_loss) & tf.reduce_all(tf.stack(weights))
        epoch = state.epoch + 1
        unwatched = (stop.patience == 0) | (epoch <= stop.start_epoch)
        improved = unwatched | (stop_loss + stop.minimum_delta < state.best_loss)
        keeps = improved & finite
        for path, weight in self._weights.items():
            self._kept[path].assign(tf.where(keeps, weight.value, self._kept[path]))
        judged = _State(
            epoch=epoch,
            best_loss=tf.where(keeps & ~unwatched, stop_loss, state.best_loss),
            best_epoch=tf.where(keeps, epoch, state.best_epoch),
            waited=tf.where(improved, 0, state.waited + 1),
            diverged=tf.where(finite, 0, epoch),
            predicted=tf.where(keeps, predicted, state.predicted),
        )
        target = rows.y_evaluated if self._form != "one_hot" else tf.argmax(rows.y_evaluated, axis=1)
        metric = self._metric.traced(
            self._in_own_unit(rows, target),
            self._in_own_unit(rows, predicted),
            rows.scores * rows.weight_evaluated if self._weighs_scores else rows.scores,
            weighted=self._weighs_scores,
        )
        return judged, tf.stack([train_loss, validation_loss, metric, stop_loss])

    def _in_own_unit(self, rows: _tensors.FoldTensors, values: tf.Tensor) -> tf.Tensor:
        """Targets or predictions in the target's own unit, but for the mean that was taken off."""
        return values * rows.target_deviation if self._scales_target else values

    def _evaluate(self, rows: _tensors.FoldTensors) -> tuple[tf.Tensor, tf.Tensor]:
        """Predictions, shape (rows, outputs), and weighted data losses, shape (rows,), of stop and validation rows."""
        import tensorflow as tf

        def evaluate(piece: tuple[dict[str, tf.Tensor], tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
            x, y = piece
            outputs = tf.cast(predictions(self._model(as_input(x), training=False)), tf.float32)
            return probabilities_of(outputs, self._link), self._loss(y, outputs)

        n_rows, evaluated = _tensors.padded(self._capacity.evaluated), (rows.x_evaluated, rows.y_evaluated)
        if n_rows <= _tensors.ROWS_AT_ONCE:
            predicted, losses = evaluate(evaluated)
        else:
            pieces = tf.nest.map_structure(_in_pieces, evaluated)
            predicted, losses = tf.map_fn(
                evaluate, pieces, fn_output_signature=(tf.float32, tf.float32), parallel_iterations=1
            )
            predicted, losses = tf.reshape(predicted, (n_rows, -1)), tf.reshape(losses, (n_rows,))
        return predicted, losses * rows.weight_evaluated if self._is_weighted else losses


_TRAIN_LOSS, _VALIDATION_LOSS, _METRIC, _STOP_LOSS = range(4)


class _Stop(NamedTuple):
    """When the stop rows end a run, as in `Stopping`; scalars. A patience of 0 trains all epochs and keeps the last."""

    patience: tf.Tensor
    minimum_delta: tf.Tensor
    start_epoch: tf.Tensor


class _State(NamedTuple):
    """Where the training of a run stands: scalars, and the predictions at the weights kept."""

    epoch: tf.Tensor
    best_loss: tf.Tensor
    best_epoch: tf.Tensor
    waited: tf.Tensor
    diverged: tf.Tensor
    predicted: tf.Tensor


_N_TRACED: Counter[str] = Counter()


@contextmanager
def _found_again(kind: str) -> Iterator[None]:
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


def _layer_paths(architecture: Architecture) -> list[str]:
    """Paths of all layers of a model, techniques' included; what follows a layer of a nested model is in there too."""
    head = () if architecture.auxiliary is None else (architecture.auxiliary.layer,)
    followers = [
        path[: path.rfind("/") + 1] + part.name for path, parts in architecture.following.items() for part in parts
    ]
    return [part.name for part in (*architecture.entering, *architecture.layers, *head)] + followers


def _stop_of(job: Job) -> _Stop:
    import tensorflow as tf

    stopping = job.stopping or Stopping(patience=0)
    return _Stop(
        patience=tf.constant(stopping.patience, tf.int32),
        minimum_delta=tf.constant(stopping.minimum_delta, tf.float32),
        start_epoch=tf.constant(stopping.start_epoch, tf.int32),
    )


def _sliced(x: dict[str, tf.Tensor], piece: slice) -> dict[str, tf.Tensor]:
    return {name: rows[piece] for name, rows in x.items()}


def _in_pieces(rows: tf.Tensor) -> tf.Tensor:
    import tensorflow as tf

    return tf.reshape(rows, (-1, _tensors.ROWS_AT_ONCE, *rows.shape[1:]))
