"""What is sent to a worker, and what happens to it there.

A worker holds a `Trainer` from its start to its end; a task names the runs that it is to train, or the one whose
architecture it is to calibrate.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from search.records import EngineChoice, FailureCause, Run, RunResult
from search.training import Report, TrainingPlan, WorkerSession

Train = Callable[[TrainingPlan, Run, Report], RunResult]
"""A function that trains a run in the place of Keras; tests and benchmarks have such."""


@dataclass(frozen=True)
class TrainTask:
    """Runs that one worker trains, one after the other."""

    runs: tuple[Run, ...]


@dataclass(frozen=True)
class CalibrateTask:
    """Find the engine for the architecture of a run."""

    run: Run


Task = TrainTask | CalibrateTask


@dataclass(frozen=True)
class CalibrationFailure:
    """No engine could be chosen, for a cause that lies in the machine and the moment."""

    error: str
    cause: FailureCause


class Trainer(Protocol):
    """What a worker holds."""

    def train(self, run: Run, report: Report) -> RunResult:
        """Train a run; whatever it dies of is told in its result."""

    def calibrate(self, run: Run) -> EngineChoice:
        """The engine for all runs of an architecture.

        Raises:
            MemoryError: There was no memory to try one.
        """


def make_trainer(train: Train | None = None) -> Callable[[TrainingPlan], Trainer]:
    """What a worker calls with the plan when it starts.

    Args:
        train: Trains in the place of Keras; None for Keras.
    """
    return KerasTrainer if train is None else partial(FunctionTrainer, train)


class KerasTrainer:
    """Trains with Keras, in a session that lives as long as the worker."""

    def __init__(self, plan: TrainingPlan) -> None:
        self._plan = plan
        self._session = WorkerSession()

    def train(self, run: Run, report: Report) -> RunResult:
        """Train a run."""
        return self._session.train(self._plan, run, report)

    def calibrate(self, run: Run) -> EngineChoice:
        """Measure the engines with a run."""
        return self._session.calibrate(self._plan, run)


class FunctionTrainer:
    """Trains with a function; there is no engine to be measured."""

    def __init__(self, train: Train, plan: TrainingPlan) -> None:
        self._train = train
        self._plan = plan

    def train(self, run: Run, report: Report) -> RunResult:
        """Call the function."""
        return self._train(self._plan, run, report)

    def calibrate(self, run: Run) -> EngineChoice:
        """Nothing to measure."""
        return EngineChoice("fit", "what trains is a function")


def perform(trainer: Trainer, task: Task, report: Callable[[Any], bool]) -> Any:
    """Do a task on a worker.

    Returns:
        A tuple with the result of each run of a `TrainTask`; an `EngineChoice` or a `CalibrationFailure` for a
        `CalibrateTask`.
    """
    if isinstance(task, TrainTask):
        return tuple(trainer.train(run, report) for run in task.runs)
    try:
        return trainer.calibrate(task.run)
    except MemoryError as error:
        return CalibrationFailure(f"MemoryError: {error}".rstrip(": "), FailureCause.OUT_OF_MEMORY)
