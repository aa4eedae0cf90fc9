"""Run in, result out: the function that worker processes execute."""

from __future__ import annotations

import math
import os
import socket
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from search.data import Arrays, prepare
from search.errors import DivergedError, RunFailedError
from search.models import describe_model, open_slots, regularize
from search.records import EngineChoice, Run, RunReport, RunResult
from search.training.engines import ENGINES, Job, choose_engine, program_key
from search.training.plan import TrainingPlan
from search.training.recent import Recent
from search.training.scoring import METRICS
from search.training.session import start_tensorflow, traced_gradients_forgotten

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
            result = _train(plan, run, report)
        except (MemoryError, ImportError):
            raise
        except Exception as error:  # noqa: BLE001  # whatever a run dies of, the study goes on
            result = {"score": None, "error": _in_one_line(error)}
        seconds = time.perf_counter() - started
    return RunResult(run=run, seconds=seconds, worker=f"{socket.gethostname()}:{os.getpid()}", **result)


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


def make_job(plan: TrainingPlan, run: Run) -> Job:
    """What an engine needs to train a run."""
    spec = plan.spec.configured(run.configuration)
    patience = run.configuration.get("patience")
    stops = patience is not None
    arrays = _ARRAYS.get(
        (plan.identity, run.fold, stops), lambda: prepare(plan.dataset, plan.fold(run.fold), keep_stop=stops)
    )
    dataset = plan.dataset
    n_outputs = len(dataset.classes) or math.prod(dataset.target.shape[1:])
    plain = describe_model(spec.model, arrays.x_train.shape[1:], n_outputs, dataset.task)
    plain = plain.at_precision(spec.training.precision)
    names = tuple(plan.spec.space)
    return Job(
        arrays=arrays,
        capacity=plan.capacity,
        plain=plain,
        open=open_slots(plain, names),
        regularized=regularize(plain, run.configuration, names),
        values={name: value for name, value in run.configuration.items() if isinstance(value, int | float)},
        training=spec.training,
        patience=int(patience) if isinstance(patience, int | float) else None,
        seed=run.seed,
        metric=METRICS[plan.metric],
    )


# Keras' random state belongs to the process: two runs at once, in a worker with several threads, would mix theirs.
_ONE_AT_A_TIME = threading.Lock()
_ARRAYS: Recent[tuple[str, int, bool], Arrays] = Recent(256 * 2**20, lambda arrays: _n_bytes(arrays))
_CALIBRATED: dict[tuple[object, ...], EngineChoice] = {}


def _train(plan: TrainingPlan, run: Run, report: Report) -> dict[str, Any]:
    """The fields of a result that training decides."""
    job = make_job(plan, run)
    chosen = _chosen(job, run)

    def watch(first_epoch: int, validation_metric: npt.NDArray[np.float32]) -> bool:
        return report(RunReport(run, first_epoch, tuple(validation_metric.tolist())))

    with traced_gradients_forgotten():
        outcome = ENGINES[chosen.name].train([job], watch)[0]
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
        "engine": f"{chosen.name}: {chosen.reason}",
    }


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


def _n_bytes(arrays: Arrays) -> int:
    return sum(rows.nbytes for rows in vars(arrays).values() if isinstance(rows, np.ndarray))
