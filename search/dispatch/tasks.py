"""What is sent to a worker, and what happens to it there.

A worker holds a `Trainer` from its start to its end; a task names the runs that it is to train, or the one whose
architecture it is to calibrate.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import numpy as np

from search.data import Dataset, import_encoders
from search.records import EngineChoice, FailureCause, Run, RunResult
from search.training import (
    Report,
    TrainingPlan,
    WorkerSession,
    cause_of,
    error_in_one_line,
    final_plan,
    keep_small_loops_apart,
)

Train = Callable[[TrainingPlan, Run, Report], RunResult]
"""A function that trains a run in the place of Keras; tests and benchmarks have such."""


@dataclass(frozen=True)
class TrainTask:
    """Runs that one worker trains: one after the other, or together where their engine does that."""

    runs: tuple[Run, ...]

    @property
    def trains_together(self) -> bool:
        """Whether there are several, and their engine trains them side by side."""
        engines = [run.engine for run in self.runs]
        return len(engines) > 1 and all(engine is not None and engine.trains_together for engine in engines)


@dataclass(frozen=True)
class CalibrateTask:
    """Find the engine for the architecture of a run."""

    run: Run


@dataclass(frozen=True)
class PrepareTask:
    """Compile for a run, beside the worker that calibrates; what comes of it is told to nobody.

    Args:
        run: What is compiled for.
        copy: Which of several that are alike.
    """

    run: Run
    copy: int


@dataclass(frozen=True)
class PredictTask:
    """Train a configuration on all rows of the study's plan, and predict others.

    Args:
        runs: Of the purpose REFIT, of one configuration; of several seeds the mean is predicted.
        rows: What is predicted: sealed rows, which thus reach a worker when everything is decided, and not before.
    """

    runs: tuple[Run, ...]
    rows: Dataset


@dataclass(frozen=True)
class PredictionFailure:
    """A configuration could not be trained on all rows.

    Args:
        error: Why, for people.
        cause: The same for programs.
    """

    error: str
    cause: FailureCause


Task = TrainTask | CalibrateTask | PrepareTask | PredictTask


@dataclass(frozen=True)
class CalibrationFailure:
    """No engine could be chosen, for a cause that lies in the machine and the moment."""

    error: str
    cause: FailureCause


class Trainer(Protocol):
    """What a worker holds."""

    def train(self, run: Run, report: Report) -> RunResult:
        """Train a run; whatever it dies of is told in its result."""

    def train_together(self, runs: Sequence[Run], report: Report) -> tuple[RunResult, ...]:
        """Train runs whose engine trains several side by side; a result for each, in their order."""

    def calibrate(self, run: Run) -> EngineChoice:
        """The engine for all runs of an architecture.

        Raises:
            MemoryError: There was no memory to try one.
        """

    def predict(self, runs: Sequence[Run], rows: Dataset) -> Any:
        """What a configuration that is trained on all rows predicts of others, shape (rows, outputs)."""


def make_trainer(train: Train | None = None) -> Callable[[TrainingPlan], Trainer]:
    """What a worker calls with the plan when it starts.

    Args:
        train: Trains in the place of Keras; None for Keras.
    """
    return KerasTrainer if train is None else partial(FunctionTrainer, train)


@functools.cache
def process_session() -> WorkerSession:
    """The session of this process: what it has compiled serves one study after the other."""
    return WorkerSession()


class KerasTrainer:
    """Trains with Keras, in the session of its process.

    Raises:
        ImportError, RuntimeError: A package that training needs is missing or set up wrongly.
    """

    def __init__(self, plan: TrainingPlan) -> None:
        self._plan = plan
        if plan.has_recurrent_layers:
            keep_small_loops_apart()
        import_encoders(plan.dataset)
        self._session = process_session()

    def train(self, run: Run, report: Report) -> RunResult:
        """Train a run."""
        return self._session.train(self._plan, run, report)

    def train_together(self, runs: Sequence[Run], report: Report) -> tuple[RunResult, ...]:
        """Train runs in lanes."""
        return self._session.train_together(self._plan, runs, report)

    def calibrate(self, run: Run) -> EngineChoice:
        """Measure the engines with a run."""
        return self._session.calibrate(self._plan, run)

    def predict(self, runs: Sequence[Run], rows: Dataset) -> Any:
        """Train on all rows, and predict others."""
        return self._session.predict(final_plan(self._plan, runs[0].configuration), runs, rows)


class FunctionTrainer:
    """Trains with a function; there is no engine to be measured."""

    def __init__(self, train: Train, plan: TrainingPlan) -> None:
        self._train = train
        self._plan = plan

    def train(self, run: Run, report: Report) -> RunResult:
        """Call the function."""
        return self._train(self._plan, run, report)

    def train_together(self, runs: Sequence[Run], report: Report) -> tuple[RunResult, ...]:
        """Call the function for one after the other."""
        return tuple(self.train(run, report) for run in runs)

    def calibrate(self, run: Run) -> EngineChoice:
        """Nothing to measure."""
        return EngineChoice("fit", "what trains is a function")

    def predict(self, runs: Sequence[Run], rows: Dataset) -> Any:
        """Let the function train, and repeat what it predicts of its first row."""
        results = [self._train(self._plan, run, lambda _: True) for run in runs]
        told = [result.predictions.values[0] for result in results if result.predictions is not None]
        if not told:
            raise ValueError("expected a function that predicts, received one that does not")
        return np.repeat(np.mean(told, axis=0)[None], len(rows), axis=0)


def perform(trainer: Trainer, task: Task, report: Callable[[Any], bool]) -> Any:
    """Do a task on a worker.

    Returns:
        A tuple with the result of each run of a `TrainTask`; an `EngineChoice` or a `CalibrationFailure` for a
        `CalibrateTask` and a `PrepareTask`; predictions or a `PredictionFailure` for a `PredictTask`.
    """
    if isinstance(task, TrainTask) and task.trains_together:
        return trainer.train_together(task.runs, report)
    if isinstance(task, TrainTask):
        return tuple(trainer.train(run, report) for run in task.runs)
    if isinstance(task, PredictTask):
        try:
            return trainer.predict(task.runs, task.rows)
        except Exception as error:  # noqa: BLE001  # whatever it dies of, the study goes on
            return PredictionFailure(error_in_one_line(error), cause_of(error))
    try:
        return trainer.calibrate(task.run)
    except MemoryError as error:
        return CalibrationFailure(f"MemoryError: {error}".rstrip(": "), FailureCause.OUT_OF_MEMORY)
