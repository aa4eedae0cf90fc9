"""The functions of a worker session for callers that have none: one session for the process, made when it is needed."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from search.records import EngineChoice, Run, RunResult
from search.training.plan import TrainingPlan
from search.training.worker_session import Report, WorkerSession

if TYPE_CHECKING:
    import keras


def train_run(plan: TrainingPlan, run: Run, report: Report = lambda _: True) -> RunResult:
    """See `WorkerSession.train`."""
    return _process_session().train(plan, run, report)


def train_model(plan: TrainingPlan, run: Run) -> keras.Model:
    """See `WorkerSession.train_model`."""
    return _process_session().train_model(plan, run)


def calibrate(plan: TrainingPlan, run: Run, report: Report = lambda _: True) -> EngineChoice:
    """See `WorkerSession.calibrate`."""
    return _process_session().calibrate(plan, run)


@functools.cache
def _process_session() -> WorkerSession:
    return WorkerSession()
