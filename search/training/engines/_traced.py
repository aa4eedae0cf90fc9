"""What programs compute: a run's start, its training steps, the judging after each epoch, and its end.

All that changes from step to step is in variables of Keras. `Program` lets one run at a time change them;
`LanesProgram` computes the same for many runs at once, each in a `keras.StatelessScope` with values of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from search.models import Architecture, build_open_model, probabilities_of, weights_by_path
from search.records import Curve
from search.techniques import TECHNIQUES, Batch, OptimizerTechnique, noise
from search.training.engines import _tensors
from search.training.engines._base import NOT_PREDICTED, Job, Outcome
from search.training.engines._evaluation import score_validation
from search.training.engines._initial import random_states
from search.training.engines._optimizer_start import OptimizerStart
from search.training.engines._own_draws import evaluation_draws
from search.training.engines._step import TrainingStep, as_input, predictions, step_names, summed
from search.training.engines._zeros import watched_layers, zero_shares
from search.training.stopping import Stopping

if TYPE_CHECKING:
    import keras
    import tensorflow as tf

TRAIN_LOSS, VALIDATION_LOSS, METRIC, STOP_LOSS = range(4)
"""The columns of a curve."""


def program_key(job: Job) -> tuple[object, ...]:
    """What jobs must have in common to be trained by one program."""
    return (
        repr(job.open),
        step_names(job.names),
        tuple(name for name in job.names if isinstance(TECHNIQUES.get(name), OptimizerTechnique)),
        repr((job.training.optimizer, job.training.schedule)),
        tuple(sorted(job.pretrained)),
        job.training.batch_size,
        job.metric.label,
        job.capacity,
        job.arrays.train.y.shape[1:],
        job.arrays.train.y.dtype.str,
        job.arrays.are_weighted,
        job.arrays.validation.is_weighted,
        job.arrays.target_scale is not None,
    )


class Stop(NamedTuple):
    """When the stop rows end a run, as in `Stopping`; scalars. A patience of 0 trains all epochs and keeps the last."""

    patience: tf.Tensor
    minimum_delta: tf.Tensor
    start_epoch: tf.Tensor


class State(NamedTuple):
    """Where the training of a run stands: scalars, and the predictions at the weights kept."""

    epoch: tf.Tensor
    best_loss: tf.Tensor
    best_epoch: tf.Tensor
    waited: tf.Tensor
    diverged: tf.Tensor
    predicted: tf.Tensor


@dataclass(frozen=True)
class Kept:
    """What a run leaves at the weights that it kept.

    Args:
        weights: Every weight of the open model, by its path.
        penalty: Sum of the penalties on weights.
        zero_shares: As in `Outcome`.
    """

    weights: Mapping[str, npt.NDArray[Any]]
    penalty: float
    zero_shares: Mapping[str, float]


class TracedRun:
    """The computations of the runs of one architecture.

    Args:
        job: One of the jobs that they serve; see `program_key`.
    """

    def __init__(self, job: Job) -> None:
        import keras
        import tensorflow as tf

        self.opened = build_open_model(job.open, job.training, job.names)
        self.model, self.optimizer = self.opened.model, self.opened.optimizer
        self.optimizer.build(self.model.trainable_variables)
        self._optimizer_start = OptimizerStart(self.optimizer, self.model.trainable_variables)
        self.step = TrainingStep(self.model, self.optimizer, job.plain, job.names, job.pretrained)
        self._names = tuple(sorted({*self.opened.names, *step_names(job.names)}))
        self._loss, self._link, self._form = job.plain.loss.make(), job.plain.loss.link, job.plain.loss.form
        self._is_weighted = job.arrays.are_weighted
        self._weighs_scores = job.arrays.validation.is_weighted
        self._scales_target = job.arrays.target_scale is not None
        self._metric = job.metric
        self._weights = weights_by_path(self.model)
        self._first_weights = {path: tf.constant(weight.numpy()) for path, weight in self._weights.items()}
        self.random_states = random_states(self.model)
        self._kept = {
            path: keras.Variable(weight.numpy(), trainable=False, name="kept") for path, weight in self._weights.items()
        }
        self.watched_layers = watched_layers(job)
        self._capacity = job.capacity
        self.batch_size = min(job.training.batch_size, job.capacity.train)
        self.n_steps = -(-job.capacity.train // self.batch_size)
        self.n_positions = self.n_steps * self.batch_size

    @property
    def variables(self) -> list[keras.Variable]:
        """All that a run changes, each variable once."""
        changed = [
            *self._weights.values(),
            *self.random_states,
            *self.optimizer.variables,
            self.opened.learning_rate,
            *self.step.averages,
            *self._kept.values(),
        ]
        return list({id(variable): variable for variable in changed}.values())

    def first_weights(self, given: Mapping[str, tf.Tensor]) -> list[tf.Tensor]:
        """The weights of the open model that a run begins with: those given by path, and else as Keras makes them."""
        return [given.get(path, first) for path, first in self._first_weights.items()]

    def first_state(self) -> State:
        """Where a run begins."""
        import tensorflow as tf

        return State(
            epoch=tf.constant(0),
            best_loss=tf.constant(np.inf, tf.float32),
            best_epoch=tf.constant(0),
            waited=tf.constant(0),
            diverged=tf.constant(0),
            predicted=tf.zeros((_tensors.padded(self._capacity.evaluated), self.model.outputs[0].shape[-1])),
        )

    def values_of(self, job: Job) -> tf.Tensor:
        """A value for each name, not a number for what is off; shape (names,)."""
        import tensorflow as tf

        return tf.constant([job.values.get(name, np.nan) for name in self._names], tf.float32, (len(self._names),))

    def by_name(self, values: tf.Tensor) -> dict[str, tf.Tensor]:
        """What `values_of` returned, by name."""
        import tensorflow as tf

        return dict(zip(self._names, tf.unstack(values, len(self._names)), strict=True))

    # What is traced

    def assign_start(self, weights: list[tf.Tensor], states: tf.Tensor, learning_rate: tf.Tensor) -> None:
        """Put initial weights, optimizer state and learning rate in place.

        Args:
            weights: As `first_weights` returns them.
            states: Of Keras' own random layers, shape (layers, 2), uint32.
            learning_rate: A scalar, float32.
        """
        for variable, value in zip(self._weights.values(), weights, strict=True):
            variable.assign(value)
        for index, state in enumerate(self.random_states):
            state.assign(states[index])
        self._optimizer_start.assign()
        self.opened.learning_rate.assign(learning_rate)

    def take_step(
        self,
        rows: _tensors.FoldTensors,
        order: tf.Tensor,
        values: tf.Tensor,
        seed: tf.Tensor,
        place: tuple[tf.Tensor, tf.Tensor],
        update: Callable[[list[tf.Tensor | None], tf.Tensor], Any],
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Train on one batch, inside of `opened.filled`.

        Args:
            rows: See `_tensors.FoldTensors`.
            order: Row of each position in the epoch, shape (positions,), int32.
            values: A value for each name, shape (names,), float32.
            seed: Of the noise, uint32.
            place: Epochs before this one, and steps before this one in the epoch; scalars, int32.
            update: `update_weights`, as it is or compiled.

        Returns:
            Sum of the rows' data losses, and the step's loss, penalties on weights left out; scalars.
        """
        import tensorflow as tf

        (epoch, step), size = place, self.batch_size
        places = tf.slice(order, [step * size], [size])
        key = noise.step_key(seed, tf.cast(epoch * self.steps_of(rows.n_train) + step, tf.uint32))
        batch = Batch(
            x={name: tf.gather(values, places) for name, values in rows.x.items()},
            y=tf.gather(rows.y, places),
            weight=tf.gather(rows.weight, places) if self._is_weighted else tf.ones(size),
            counts=tf.cast(step * size + tf.range(size) < rows.n_train, tf.float32),
            further={name: tf.gather(values, places) for name, values in rows.further.items()},
        )
        gradients, data_loss, loss = self.step.gradients(batch, self.by_name(values), key)
        update(gradients, values)
        return data_loss, loss

    def steps_of(self, n_train: tf.Tensor) -> tf.Tensor:
        """Steps in an epoch of so many rows."""
        return (n_train + self.batch_size - 1) // self.batch_size

    def update_weights(self, gradients: list[tf.Tensor | None], values: tf.Tensor) -> None:
        """From the gradients of a step to weights."""
        by_name = self.by_name(values)
        with self.opened.filled(by_name):
            self.step.apply(gradients, by_name)

    def judge(
        self,
        rows: _tensors.FoldTensors,
        values: tf.Tensor,
        state: State,
        stop: Stop,
        losses: tuple[tf.Tensor, tf.Tensor],
        evaluated: Sequence[tf.Tensor] | None = None,
    ) -> tuple[State, tf.Tensor]:
        """Evaluate, keep the weights if they are the best so far, and take the epoch down, inside of `opened.filled`.

        Where weights are averaged, their averages are judged and kept.

        Args:
            rows: See `_tensors.FoldTensors`.
            values: A value for each name, shape (names,), float32.
            state: Where training stood before the epoch.
            stop: When the stop rows end the run.
            losses: Mean data loss of the epoch; and a number that is finite if the loss of every step is, penalties on
                weights left out.
            evaluated: What `evaluate` returns of all rows; None to evaluate them here.

        Returns:
            Where training stands, and the epoch's part of the curve, shape (4,).
        """
        with self.step.averaged():
            found = self._evaluate_all(rows) if evaluated is None else evaluated
            return self._judge(rows, state, stop, (*losses, self.step.penalty(self.by_name(values))), found)

    def evaluate(self, x: dict[str, tf.Tensor], y: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Predictions, shape (rows, outputs), and data losses, shape (rows,), by weights that are averaged already."""
        import tensorflow as tf

        with evaluation_draws(self.model):
            outputs = tf.cast(predictions(self.model(as_input(x), training=False)), tf.float32)
            return probabilities_of(outputs, self._link), self._loss(y, outputs)

    def _judge(
        self,
        rows: _tensors.FoldTensors,
        state: State,
        stop: Stop,
        train_losses: tuple[tf.Tensor, tf.Tensor, tf.Tensor],
        evaluated: Sequence[tf.Tensor],
    ) -> tuple[State, tf.Tensor]:
        """See `judge`.

        Source: the counting of `search.training.stopping.BestEpoch`.
        """
        import tensorflow as tf

        train_loss, total, penalty = train_losses
        total += penalty
        predicted, losses = evaluated
        if self._is_weighted:
            losses *= rows.weight_evaluated
        validation_loss = summed(losses, rows.scores) / tf.reduce_sum(rows.scores)
        stop_loss = summed(losses, rows.stops) / tf.maximum(tf.reduce_sum(rows.stops), 1.0)
        weights = [tf.reduce_all(_is_finite(v.value)) for v in self.model.trainable_variables]
        finite = _is_finite(total + validation_loss + stop_loss) & tf.reduce_all(tf.stack(weights))
        epoch = state.epoch + 1
        unwatched = (stop.patience == 0) | (epoch <= stop.start_epoch)
        improved = unwatched | (stop_loss + stop.minimum_delta < state.best_loss)
        keeps = improved & finite
        for path, weight in self._weights.items():
            self._kept[path].assign(tf.where(keeps, weight.value, self._kept[path].value))
        judged = State(
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

    def return_to_kept(self, values: tf.Tensor) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
        """Put the weights that were kept back in place; they, by path, and the sum of their penalties."""
        import tensorflow as tf

        kept = {path: tf.convert_to_tensor(variable.value) for path, variable in self._kept.items()}
        for path, variable in self._weights.items():
            variable.assign(kept[path])
        with self.opened.filled(self.by_name(values)):
            return kept, self.step.penalty(self.by_name(values))

    def sum_zero_shares(self, x: dict[str, tf.Tensor], counts: tf.Tensor, values: tf.Tensor) -> tf.Tensor:
        """As `zero_shares`, of the watched layers."""
        with self.opened.filled(self.by_name(values)), evaluation_draws(self.model):
            return zero_shares(self.model, self.watched_layers, x, counts)

    def _in_own_unit(self, rows: _tensors.FoldTensors, values: tf.Tensor) -> tf.Tensor:
        """Targets or predictions in the target's own unit, but for the mean that was taken off."""
        return values * rows.target_deviation if self._scales_target else values

    def _evaluate_all(self, rows: _tensors.FoldTensors) -> tuple[tf.Tensor, tf.Tensor]:
        """As `evaluate`, of stop and validation rows."""
        import tensorflow as tf

        n_rows = _tensors.padded(self._capacity.evaluated)
        if n_rows <= _tensors.ROWS_AT_ONCE:
            return self.evaluate(rows.x_evaluated, rows.y_evaluated)
        pieces = tf.nest.map_structure(_in_pieces, (rows.x_evaluated, rows.y_evaluated))
        predicted, losses = tf.map_fn(
            lambda piece: self.evaluate(*piece),
            pieces,
            fn_output_signature=(tf.float32, tf.float32),
            parallel_iterations=1,
        )
        return tf.reshape(predicted, (n_rows, -1)), tf.reshape(losses, (n_rows,))


def stop_of(job: Job) -> Stop:
    """When the stop rows end a job."""
    import tensorflow as tf

    stopping = job.stopping or Stopping(patience=0)
    return Stop(
        patience=tf.constant(stopping.patience, tf.int32),
        minimum_delta=tf.constant(stopping.minimum_delta, tf.float32),
        start_epoch=tf.constant(stopping.start_epoch, tf.int32),
    )


def goes_on(state: State, stop: Stop) -> tf.Tensor:
    """Whether neither divergence nor patience has ended a run."""
    return (state.diverged == 0) & ((stop.patience == 0) | (state.waited < stop.patience))


def outcome_of(
    job: Job, state: State, curve: npt.NDArray[np.float32], kept: Kept | None, *, withdrawn: bool
) -> Outcome:
    """What came of a job.

    Args:
        job: What was trained.
        state: Where training ended.
        curve: Its epochs without a diverged one, shape (epochs, 4).
        kept: What it leaves; None after a divergence.
        withdrawn: Whether its watch ended it.
    """
    weights: dict[str, npt.NDArray[Any]] = {}
    score, predicted = float("nan"), NOT_PREDICTED
    if kept is not None:
        present = tuple(f"{name}/" for name in _layer_paths(job.regularized))
        weights = {path: value for path, value in kept.weights.items() if path.startswith(present)}
        n_stop, n_scored = _tensors.n_stop_apart(job.arrays), len(job.arrays.validation)
        scored = np.asarray(state.predicted)[n_stop : n_stop + n_scored]
        score = score_validation(job, scored)
        # A copy: a part would hold on to the filling and the stop rows.
        predicted = job.arrays.in_own_unit(scored.copy())
    train_loss, validation_loss, validation_metric, stop_loss = curve.T
    return Outcome(
        curve=Curve(train_loss, validation_loss, validation_metric, () if job.stopping is None else stop_loss),
        score=score,
        best_epoch=int(state.best_epoch),
        diverged_epoch=int(state.diverged) or None,
        weights=weights,
        penalty=0.0 if kept is None else kept.penalty,
        zero_shares={} if kept is None else kept.zero_shares,
        predicted=predicted,
        withdrawn=withdrawn,
    )


def _is_finite(values: tf.Tensor) -> tf.Tensor:
    """As `tf.math.is_finite`, which takes as long as `tf.math.is_nan` to be compiled; see `is_off`."""
    return (values > -np.inf) & (values < np.inf)


def _layer_paths(architecture: Architecture) -> list[str]:
    """Paths of all layers of a model, techniques' included; what follows a layer of a nested model is in there too."""
    head = () if architecture.auxiliary is None else (architecture.auxiliary.layer,)
    followers = [
        path[: path.rfind("/") + 1] + part.name for path, parts in architecture.following.items() for part in parts
    ]
    return [part.name for part in (*architecture.entering, *architecture.layers, *head)] + followers


def _in_pieces(rows: tf.Tensor) -> tf.Tensor:
    import tensorflow as tf

    return tf.reshape(rows, (-1, _tensors.ROWS_AT_ONCE, *rows.shape[1:]))
