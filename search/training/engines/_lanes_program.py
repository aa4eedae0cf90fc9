"""`LanesProgram`: one TensorFlow function that trains several runs of one architecture; see `lanes`."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from search.errors import RunFailedError
from search.techniques import both_computed
from search.techniques.private import flattened_layers, let_scopes_hold_updates, tracing_count
from search.training.engines import _tensors
from search.training.engines._base import Job, Outcome, Watch
from search.training.engines._initial import first_states
from search.training.engines._lane import Lane
from search.training.engines._one_kernel import fits_one_kernel, kept_apart
from search.training.engines._orders import epochs_in_block
from search.training.engines._stores import Stores
from search.training.engines._traced import (
    Kept,
    State,
    Stop,
    TracedRun,
    goes_on,
    outcome_of,
    program_key,
    stop_of,
)
from search.training.engines.program import affordable, found_again, is_report_due
from search.training.failures import is_out_of_memory
from search.training.session import sums_left_alone

if TYPE_CHECKING:
    import keras
    import tensorflow as tf

N_LANES = 8
"""Lanes of every program: each takes memory for its rows, weights and activations, and time, whoever is in it."""

Nested = TypeVar("Nested")


class _Given(NamedTuple):
    """What a lane is given; in a program each tensor has a leading axis of lanes.

    Args:
        rows: See `_tensors.FoldTensors`.
        orders: Row of each position in each epoch of the block, shape (epochs, positions), int32.
        values: A value for each name, shape (names,), float32.
        stop: When the stop rows end the run.
        seed: Of the noise, uint32.
        until: Epochs trained at the end of this piece; 0 for a lane that does nothing.
    """

    rows: _tensors.FoldTensors
    orders: tf.Tensor
    values: tf.Tensor
    stop: Stop
    seed: tf.Tensor
    until: tf.Tensor

    def with_orders(self, orders: tf.Tensor) -> _Given:
        """The same for another block of orders, or for one epoch."""
        return _Given(self.rows, orders, self.values, self.stop, self.seed, self.until)

    def with_until(self, until: tf.Tensor) -> _Given:
        """The same for another piece."""
        return _Given(self.rows, self.orders, self.values, self.stop, self.seed, until)


class LanesProgram:
    """The training of one architecture in lanes, ready for any of its jobs.

    Args:
        job: One of the jobs that it will serve; see `program_key`.
        stores: Where rows, orders and initial weights are kept as tensors.
    """

    def __init__(self, job: Job, stores: Stores) -> None:
        import tensorflow as tf

        self._stores = stores
        self._traced = traced = TracedRun(job)
        let_scopes_hold_updates(traced.optimizer)
        _unroll_short_sequences(traced.model)
        self._variables = traced.variables
        self._is_kept_apart = not fits_one_kernel(traced.model, traced.optimizer, job.names)
        self._n_epochs = epochs_in_block(job.capacity.train)
        self._start = tf.function(self._start_lanes, autograph=False)
        self._run = tf.function(self._run_epochs, autograph=False, jit_compile=True)
        self._finish = tf.function(self._return_to_kept, autograph=False)
        self._sum_zero_shares = tf.function(self._zero_shares, autograph=False)
        self.seconds_per_epoch: float | None = None  # of all lanes together
        self._refusal = _refusal(traced.optimizer)
        self._kind = repr((program_key(job), "lanes"))

    @property
    def n_compilations(self) -> int:
        """How often the training was traced, and so compiled."""
        return tracing_count(self._run)

    def train(self, jobs: Sequence[Job], watches: Sequence[Watch]) -> list[Outcome]:
        """Train jobs to their ends.

        Raises:
            RunFailedError: The architecture cannot be trained in lanes.
        """
        if self._refusal is not None:
            raise RunFailedError(self._refusal)
        with sums_left_alone():
            return self._train(jobs, watches)

    def _train(self, jobs: Sequence[Job], watches: Sequence[Watch]) -> list[Outcome]:
        lanes = [Lane(job, watch) for job, watch in zip(jobs, watches, strict=True)]
        filled = [*jobs, *[jobs[0]] * (N_LANES - len(jobs))]
        given, (state, variables) = self._given(filled), self._begin(filled)
        n_done, reported = 0, time.perf_counter()
        while any(lane.goes_on for lane in lanes):
            if n_done % self._n_epochs == 0:
                given = given.with_orders(self._orders(filled, n_done // self._n_epochs))
            n_asked = affordable(self.seconds_per_epoch, n_done, self._n_epochs)
            until = [min(n_done + n_asked, lane.job.training.epochs) if lane.goes_on else 0 for lane in lanes]
            given = given.with_until(_int32([*until, *[0] * (N_LANES - len(lanes))]))
            state, variables, curves = self._continue(given, state, variables, n_done)
            for index, lane in enumerate(lanes):
                lane.take(_lane_of(state, index), curves[index, n_done % self._n_epochs :])
            n_done = max(lane.n_trained for lane in lanes)
            if is_report_due(reported):
                reported = time.perf_counter()
                for lane in lanes:
                    lane.report()
        return self._outcomes(lanes, given, state, variables)

    def _given(self, jobs: Sequence[Job]) -> _Given:
        """What lanes are given but for what changes from piece to piece."""
        import tensorflow as tf

        return _Given(
            rows=_stacked([self._stores.fold_tensors(job, self._traced.n_positions) for job in jobs]),
            orders=self._orders(jobs, 0),
            values=_stacked([self._traced.values_of(job) for job in jobs]),
            stop=_stacked([stop_of(job) for job in jobs]),
            seed=tf.constant([job.seed for job in jobs], tf.uint32),
            until=_int32([0] * len(jobs)),
        )

    def _orders(self, jobs: Sequence[Job], block: int) -> tf.Tensor:
        n_positions = self._traced.n_positions
        return _stacked([self._stores.order_tensor(job, block, self._n_epochs, n_positions) for job in jobs])

    def _begin(self, jobs: Sequence[Job]) -> tuple[State, list[tf.Tensor]]:
        """Where each lane begins, and its initial weights, optimizer state and learning rate among all variables."""
        import tensorflow as tf

        n_states = len(self._traced.random_states)
        weights = _stacked([self._traced.first_weights(self._stores.start_tensors(job)) for job in jobs])
        states = tf.constant(np.stack([first_states(job.seed, n_states) for job in jobs]))
        rates = tf.constant([job.training.learning_rate for job in jobs], tf.float32)
        return _stacked([self._traced.first_state()] * len(jobs)), self._start(weights, states, rates)

    def _continue(
        self, given: _Given, state: State, variables: list[tf.Tensor], n_done: int
    ) -> tuple[State, list[tf.Tensor], npt.NDArray[np.float32]]:
        """Train until each lane has trained as many epochs as it is asked, or has ended before.

        Returns:
            The state, all variables, and the curves of the block, shape (lanes, epochs, 4).
        """
        is_new, started = not self.n_compilations, time.perf_counter()
        try:
            with found_again(self._kind) if is_new else nullcontext():
                state, variables, curves, n_trained = self._run(given, state, variables, _int32(n_done))
        except Exception as error:
            if not is_new or is_out_of_memory(error):
                raise
            first_line = (str(error).strip().splitlines() or [""])[0][:200]
            self._refusal = (
                "this model cannot be trained in lanes: TensorFlow does not compile its training step for several runs "
                f"at once ({type(error).__name__}: {first_line}); give another engine"
            )
            raise RunFailedError(self._refusal) from error
        if not is_new:
            self.seconds_per_epoch = (time.perf_counter() - started) / int(n_trained)
        return state, variables, curves.numpy()

    def _outcomes(
        self, lanes: Sequence[Lane], given: _Given, state: State, variables: list[tf.Tensor]
    ) -> list[Outcome]:
        found, penalties, variables = self._finish(given.values, variables)
        weights = {path: values.numpy() for path, values in found.items()}
        shares = self._shares(given, variables)
        outcomes = []
        for index, lane in enumerate(lanes):
            kept = None
            if not lane.is_diverged:
                of_layers = shares[index] / len(lane.job.arrays.validation)
                kept = Kept(
                    # Copies: parts would hold on to the weights of all lanes.
                    {path: values[index].copy() for path, values in weights.items()},
                    float(penalties[index]),
                    dict(zip(self._traced.watched_layers, of_layers.tolist(), strict=True)),
                )
            outcomes.append(outcome_of(lane.job, _lane_of(state, index), lane.curve, kept, withdrawn=lane.is_withdrawn))
        return outcomes

    def _shares(self, given: _Given, variables: list[tf.Tensor]) -> npt.NDArray[np.float32]:
        """The zeros of each watched layer, added up over the validation rows, shape (lanes, layers)."""
        if not self._traced.watched_layers:
            return np.zeros((N_LANES, 0), np.float32)
        scores, size = given.rows.scores, _tensors.ROWS_AT_ONCE
        pieces = [slice(start, start + size) for start in range(0, scores.shape[1], size)]
        sums = [
            self._sum_zero_shares(
                {name: rows[:, piece] for name, rows in given.rows.x_evaluated.items()},
                scores[:, piece],
                given.values,
                variables,
            )
            for piece in pieces
        ]
        return np.asarray(np.sum(sums, axis=0))

    # What is traced, and compiled, once

    def _start_lanes(self, weights: list[tf.Tensor], states: tf.Tensor, rates: tf.Tensor) -> list[tf.Tensor]:
        import tensorflow as tf

        before = [tf.convert_to_tensor(variable.value) for variable in self._variables]

        def start(weights: list[tf.Tensor], states: tf.Tensor, rate: tf.Tensor) -> list[tf.Tensor]:
            return self._scoped(before, lambda: self._traced.assign_start(weights, states, rate))[1]

        started: list[tf.Tensor] = _in_lanes(start, weights, states, rates)
        return started

    def _return_to_kept(self, values: tf.Tensor, variables: list[tf.Tensor]) -> Any:
        """Weights by path, the sums of their penalties, and all variables with the kept weights in place."""

        def finish(values: tf.Tensor, variables: list[tf.Tensor]) -> Any:
            (weights, penalty), after = self._scoped(variables, lambda: self._traced.return_to_kept(values))
            return weights, penalty, after

        return _in_lanes(finish, values, variables)

    def _zero_shares(
        self, x: dict[str, tf.Tensor], counts: tf.Tensor, values: tf.Tensor, variables: list[tf.Tensor]
    ) -> Any:
        def add_up(x: Any, counts: tf.Tensor, values: tf.Tensor, variables: list[tf.Tensor]) -> tf.Tensor:
            return self._scoped(variables, lambda: self._traced.sum_zero_shares(x, counts, values))[0]

        return _in_lanes(add_up, x, counts, values, variables)

    def _run_epochs(
        self, given: _Given, state: State, variables: list[tf.Tensor], n_done: tf.Tensor
    ) -> tuple[State, list[tf.Tensor], tf.Tensor, tf.Tensor]:
        """Epochs from `n_done` on, which all lanes that go on have trained.

        Args:
            given: What each lane is given.
            state: Where each lane stands.
            variables: The values of all variables in each lane.
            n_done: Epochs trained before; a scalar, int32.

        Returns:
            State and variables; the curves of the block with their values where the epochs of this piece are, shape
            (lanes, epochs, 4); and the number of epochs trained.
        """
        import tensorflow as tf

        def one_epoch(
            epoch: tf.Tensor, state: State, variables: list[tf.Tensor], curves: tf.Tensor
        ) -> tuple[tf.Tensor, State, list[tf.Tensor], tf.Tensor]:
            index = epoch % self._n_epochs
            in_epoch = given.with_orders(tf.gather(given.orders, index, axis=1))
            losses, variables = self._train_epoch(in_epoch, state, variables, epoch)
            evaluated = self._evaluated_in_pieces(given, variables)
            state, recorded, variables = _in_lanes(self._judge, in_epoch, state, variables, losses, evaluated)
            return epoch + 1, state, variables, tf.tensor_scatter_nd_update(curves, [[index]], [recorded])

        curves = tf.zeros((self._n_epochs, N_LANES, 4))
        epoch, state, variables, curves = tf.while_loop(
            lambda epoch, state, *_: tf.reduce_any(_is_on(given, state)), one_epoch, (n_done, state, variables, curves)
        )
        return state, variables, tf.transpose(curves, (1, 0, 2)), epoch - n_done

    def _train_epoch(
        self, given: _Given, state: State, variables: list[tf.Tensor], epoch: tf.Tensor
    ) -> tuple[tuple[tf.Tensor, tf.Tensor], list[tf.Tensor]]:
        """One pass over the rows of each lane; as `Program._train_epoch`, and all variables after it."""
        import tensorflow as tf

        n_steps = self._traced.steps_of(given.rows.n_train)
        is_on = _is_on(given, state)
        last = tf.reduce_max(tf.where(is_on, n_steps, 0))

        def one_step(
            step: tf.Tensor, losses: tf.Tensor, total: tf.Tensor, variables: list[tf.Tensor]
        ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, list[tf.Tensor]]:
            def take(given: _Given, trains: tf.Tensor, before: list[tf.Tensor]) -> Any:
                found, after = self._scoped(before, lambda: self._take_step(given, epoch, step))
                return _chosen(trains, (*found, after), (tf.constant(0.0), tf.constant(0.0), before))

            data_loss, loss, variables = _in_lanes(take, given, is_on & (step < n_steps), variables)
            return (
                step + 1,
                losses + (kept_apart(data_loss) if self._is_kept_apart else data_loss),
                total + loss,
                variables,
            )

        zeros = tf.zeros(N_LANES)
        first = (tf.constant(0), zeros, zeros, variables)
        if self._traced.n_steps == 1:
            _, losses, total, variables = one_step(*first)
        else:
            _, losses, total, variables = tf.while_loop(lambda step, *_: step < last, one_step, first)
        return (losses / tf.cast(given.rows.n_train, tf.float32), total), variables

    def _take_step(self, given: _Given, epoch: tf.Tensor, step: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """A step of one lane."""
        with self._traced.opened.filled(self._traced.by_name(given.values)):
            return self._traced.take_step(
                given.rows, given.orders, given.values, given.seed, (epoch, step), self._traced.update_weights
            )

    def _evaluated_in_pieces(self, given: _Given, variables: list[tf.Tensor]) -> tuple[tf.Tensor, ...]:
        """As `TracedRun.evaluate`, of all rows; empty if they are few enough to be evaluated at once."""
        import tensorflow as tf

        (n_lanes, n_rows), size = given.rows.scores.shape, _tensors.ROWS_AT_ONCE
        if n_rows <= size:
            return ()

        def evaluate(x: dict[str, tf.Tensor], y: tf.Tensor, values: tf.Tensor, variables: list[tf.Tensor]) -> Any:
            def compute() -> tuple[tf.Tensor, tf.Tensor]:
                with self._traced.opened.filled(self._traced.by_name(values)), self._traced.step.averaged():
                    return self._traced.evaluate(x, y)

            return self._scoped(variables, compute)[0]

        def evaluate_piece(first: tf.Tensor) -> Any:
            def piece(rows: tf.Tensor) -> tf.Tensor:
                rest = rows.shape[2:]
                return tf.slice(rows, [0, first, *[0] * len(rest)], [n_lanes, size, *rest])

            x, y = tf.nest.map_structure(piece, (given.rows.x_evaluated, given.rows.y_evaluated))
            return _in_lanes(evaluate, x, y, given.values, variables)

        # The loop is outside of the lanes: XLA has no lists of lists.
        predicted, losses = tf.map_fn(
            evaluate_piece,
            tf.range(0, n_rows, size),
            fn_output_signature=(tf.float32, tf.float32),
            parallel_iterations=1,
        )
        predicted = tf.transpose(predicted, (1, 0, 2, 3))
        return (
            tf.reshape(predicted, (n_lanes, n_rows, predicted.shape[3])),
            tf.reshape(tf.transpose(losses, (1, 0, 2)), (n_lanes, n_rows)),
        )

    def _judge(
        self,
        given: _Given,
        state: State,
        variables: list[tf.Tensor],
        losses: tuple[tf.Tensor, tf.Tensor],
        evaluated: tuple[tf.Tensor, ...],
    ) -> tuple[State, tf.Tensor, list[tf.Tensor]]:
        """The end of an epoch of one lane."""

        def judge() -> tuple[State, tf.Tensor]:
            with self._traced.opened.filled(self._traced.by_name(given.values)):
                return self._traced.judge(given.rows, given.values, state, given.stop, losses, evaluated or None)

        (judged, recorded), after = self._scoped(variables, judge)
        judged, after = _chosen(_is_on(given, state), (judged, after), (state, variables))
        return judged, recorded, after

    def _scoped(self, variables: Sequence[tf.Tensor], compute: Callable[[], Any]) -> tuple[Any, list[tf.Tensor]]:
        """What a computation returns for one lane, whose variables have these values, and their values after it."""
        import keras

        scope = keras.StatelessScope(
            list(zip(self._variables, variables, strict=True)), collect_losses=True, initialize_variables=False
        )
        with scope, both_computed(scope):
            found = compute()
        return found, [scope.get_current_value(variable) for variable in self._variables]


_MOST_UNROLLED_STEPS = 64


def _unroll_short_sequences(model: keras.Model) -> None:
    """Let recurrent layers take a sequence without a loop, which XLA does not compile in lanes.

    The program holds every time step then; longer sequences would take minutes to compile, and stay what lanes refuse.
    """
    import keras

    for layer in flattened_layers(model):
        if isinstance(layer, keras.layers.RNN):
            n_steps = layer.get_build_config()["input_shape"][1]
            layer.unroll = n_steps is not None and n_steps <= _MOST_UNROLLED_STEPS


def _refusal(optimizer: keras.Optimizer) -> str | None:
    """Why no model can be trained in lanes with an optimizer; None where nothing is known against it."""
    import keras

    if isinstance(optimizer, keras.optimizers.ScheduleFreeAdamW):
        # `momentum_old = momentum.value` of Keras 3.15 is a variable with TensorFlow, and so the momentum after its
        # update; in a scope it is the one before, as it is written. The weights differ.
        return "the optimizer schedulefreeadamw cannot train in lanes, where its steps are others; give another engine"
    return None


def _is_on(given: _Given, state: State) -> tf.Tensor:
    """Whether a lane trains an epoch more in this piece; of lanes or of one."""
    return (state.epoch < given.until) & goes_on(state, given.stop)


def _chosen(on: tf.Tensor, new: Nested, old: Nested) -> Nested:
    import tensorflow as tf

    chosen: Nested = tf.nest.map_structure(lambda one, other: tf.where(on, one, other), new, old)
    return chosen


def _in_lanes(compute: Callable[..., Any], *nested: Any) -> Any:
    """What a function of one lane returns in all of them; a leading axis of each tensor is that of the lanes."""
    import tensorflow as tf

    return tf.vectorized_map(lambda one: compute(*one), nested, fallback_to_while_loop=True, warn=False)


def _stacked(nested: Sequence[Nested]) -> Nested:
    """The tensors of lanes, with a leading axis for the lanes."""
    import tensorflow as tf

    stacked: Nested = tf.nest.map_structure(lambda *tensors: tf.stack(tensors), *nested)
    return stacked


def _lane_of(state: State, index: int) -> State:
    return State(*(np.asarray(values)[index] for values in state))


def _int32(numbers: Sequence[int] | int) -> tf.Tensor:
    import tensorflow as tf

    return tf.constant(numbers, tf.int32)
