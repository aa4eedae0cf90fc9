"""Run in, result out: the functions that worker processes execute."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from search.errors import DivergedError, RunFailedError
from search.models import build_model, make_optimizer, weights_by_path
from search.records import EngineChoice, Run, RunReport, RunResult
from search.training.engines import Job, Outcome, Watch, choose_engine, keep_going, program_key
from search.training.jobs import make_job
from search.training.plan import TrainingPlan
from search.training.session import start_tensorflow, traced_gradients_forgotten
from search.training.stages import train_stages

if TYPE_CHECKING:
    import keras

Report = Callable[[RunReport], bool]
"""Told how a run goes; returns whether it is to go on."""


def train_run(plan: TrainingPlan, run: Run, report: Report = lambda _: True) -> RunResult:
    """Train one configuration on one fold with one seed, and score it.

    Args:
        plan: The study's plan; what is prepared and compiled for it is kept for the runs to come.
        run: What to train.
        report: Told about once a second; a run that takes less is not told of.

    Returns:
        The result. A run that diverges or cannot be trained is a result with an error, not an exception.

    Raises:
        MemoryError: The process is out of memory, so that what comes after is in danger too.
        ImportError, RuntimeError: TensorFlow or another package is missing or set up wrongly: no run can be trained.
    """
    with _ONE_AT_A_TIME:
        started = time.perf_counter()
        start_tensorflow()
        try:
            result = _result(plan, run, report)
        except (MemoryError, ImportError):
            raise
        except Exception as error:  # noqa: BLE001  # whatever a run dies of, the study goes on
            result = {"score": None, "error": _in_one_line(error)}
        seconds = time.perf_counter() - started
    return RunResult(run=run, seconds=seconds, worker=f"{socket.gethostname()}:{os.getpid()}", **result)


def train_model(plan: TrainingPlan, run: Run) -> keras.Model:
    """Train a run as `train_run` does, for the model that comes of it.

    Returns:
        The model at the weights kept, compiled with the optimizer and the loss, made of Keras' own classes alone: it is
        saved, loaded and used without regsearch. It has no head of a second task, and no layers that change its input
        while training: Keras' augmentation layers act unless they are told that nothing trains.

    Raises:
        DivergedError: Its loss or its weights are not finite.
    """
    with _ONE_AT_A_TIME:
        start_tensorflow()
        outcome, _ = _train(plan, run, keep_going)
        if outcome.diverged_epoch is not None:
            raise DivergedError(outcome.diverged_epoch)
        job = make_job(plan, run)
        model = build_model(replace(job.regularized, entering=()))
        for path, variable in weights_by_path(model).items():
            variable.assign(outcome.weights[path])
        model.compile(make_optimizer(job.training, job.values, job.names, model), loss=job.plain.loss)
        model.optimizer.build(model.trainable_variables)  # else Keras warns each time that the saved model is loaded
        return model


def calibrate(plan: TrainingPlan, run: Run, report: Report = lambda _: True) -> EngineChoice:
    """Find the engine for a run and for all runs of its architecture, by training a few epochs with each candidate."""
    with _ONE_AT_A_TIME:
        start_tensorflow()
        try:
            return _calibrated(make_job(plan, run))
        except (MemoryError, ImportError):
            raise
        except Exception as error:  # noqa: BLE001  # the run itself will meet it, and tell it as its own
            return EngineChoice("fit", f"calibration failed ({_in_one_line(error)})")


# Keras' random state belongs to the process: two runs at once, in a worker with several threads, would mix theirs.
_ONE_AT_A_TIME = threading.Lock()
_CALIBRATED: dict[tuple[object, ...], EngineChoice] = {}


def _result(plan: TrainingPlan, run: Run, report: Report) -> dict[str, Any]:
    """The fields of a result that training decides."""

    def watch(first_epoch: int, validation_metric: npt.NDArray[np.float32]) -> bool:
        return report(RunReport(run, first_epoch, tuple(validation_metric.tolist())))

    outcome, chosen = _train(plan, run, watch)
    diverged, epochs = outcome.diverged_epoch, len(outcome.curve.train_loss)
    if diverged is not None:
        error: str | None = str(DivergedError(diverged))
    else:
        error = f"withdrawn at epoch {epochs}" if outcome.withdrawn else None
    return {
        "score": None if error else outcome.score,
        "error": error,
        "penalty": outcome.penalty if diverged is None else 0.0,
        "epochs_trained": epochs if diverged is None else diverged,
        "best_epoch": outcome.best_epoch,
        "curve": outcome.curve,
        "weight_norms": {} if diverged else _kernel_norms(outcome.weights),
        "zero_shares": outcome.zero_shares,
        "engine": f"{chosen.name}: {chosen.reason}",
    }


def _train(plan: TrainingPlan, run: Run, watch: Watch) -> tuple[Outcome, EngineChoice]:
    """What came of a run, and the engine that trained it."""
    chosen = _chosen(make_job(plan, run), run)
    with traced_gradients_forgotten():
        return train_stages(plan, run, chosen.name, watch), chosen


def _chosen(job: Job, run: Run) -> EngineChoice:
    """The engine that the run or the study names, or else this worker's own choice for the architecture."""
    if run.engine is not None:
        return run.engine
    return _calibrated(job) if job.training.engine == "auto" else EngineChoice(job.training.engine)


def _calibrated(job: Job) -> EngineChoice:
    key = program_key(job)
    if key not in _CALIBRATED:
        with traced_gradients_forgotten():
            _CALIBRATED[key] = choose_engine(job)
    return _CALIBRATED[key]


def _kernel_norms(weights: Mapping[str, npt.NDArray[Any]]) -> dict[str, float]:
    """Layer name to the L2 norm of its kernel."""
    return {
        path.removesuffix("/kernel"): float(np.linalg.norm(values))
        for path, values in weights.items()
        if path.endswith("/kernel")
    }


def _in_one_line(error: Exception) -> str:
    message = " ".join(str(error).split())
    return message if isinstance(error, RunFailedError) else f"{type(error).__name__}: {message}"


class WorkerSession:
    """Stand-in until the real one."""

    def __init__(self) -> None:
        start_tensorflow()

    def train(self, plan: TrainingPlan, run: Run, report: Report = lambda _: True) -> RunResult:
        """Train."""
        return train_run(plan, run, report)

    def calibrate(self, plan: TrainingPlan, run: Run) -> EngineChoice:
        """Calibrate."""
        return calibrate(plan, run)
