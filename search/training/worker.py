"""Run in, result out: the function that worker processes execute."""

from __future__ import annotations

import math
import os
import socket
import threading
import time
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from search.data import Arrays, prepare
from search.errors import DivergedError, RunFailedError
from search.models import describe_model, regularize
from search.records import Run, RunResult
from search.training.engines import Job, choose_engine
from search.training.plan import TrainingPlan
from search.training.scoring import METRICS
from search.training.session import start_tensorflow, traced_gradients_forgotten


def train_run(plan: TrainingPlan, run: Run) -> RunResult:
    """Train one configuration on one fold with one seed, and score it.

    Args:
        plan: The study's plan; what is prepared for it is kept for the runs to come.
        run: What to train.

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
            result = _train(plan, run)
        except (MemoryError, ImportError):
            raise
        except Exception as error:  # noqa: BLE001  # whatever a run dies of, the study goes on
            result = {"score": None, "error": _in_one_line(error)}
        seconds = time.perf_counter() - started
    return RunResult(run=run, seconds=seconds, worker=f"{socket.gethostname()}:{os.getpid()}", **result)


def make_job(plan: TrainingPlan, run: Run) -> Job:
    """What an engine needs to train a run."""
    spec = plan.spec.configured(run.configuration)
    patience = run.configuration.get("patience")
    arrays = _ARRAYS.get(plan, run.fold, keep_stop=patience is not None)
    dataset = plan.dataset
    n_outputs = len(dataset.classes) or math.prod(dataset.target.shape[1:])
    plain = describe_model(spec.model, arrays.x_train.shape[1:], n_outputs, dataset.task)
    return Job(
        arrays=arrays,
        plain=plain,
        regularized=regularize(plain, run.configuration, tuple(plan.spec.space)),
        training=spec.training,
        patience=None if patience is None else int(cast(float, patience)),
        seed=run.seed,
        metric=METRICS[plan.metric],
    )


class PreparedRows:
    """The prepared rows that a process used last, up to a bound in bytes.

    Args:
        most_bytes: What is kept is dropped, the least recently used first, while it is larger than this. The
            rows used last stay, however large.
    """

    def __init__(self, most_bytes: int = 512 * 2**20) -> None:
        self.most_bytes = most_bytes
        self._kept: OrderedDict[tuple[str, int, bool], Arrays] = OrderedDict()

    def get(self, plan: TrainingPlan, fold: int, *, keep_stop: bool) -> Arrays:
        """The prepared rows of a fold; with `keep_stop` its stop rows are kept apart instead of trained on."""
        key = (plan.identity, fold, keep_stop)
        if key not in self._kept:
            self._kept[key] = prepare(plan.dataset, plan.fold(fold), keep_stop=keep_stop)
        self._kept.move_to_end(key)
        while len(self._kept) > 1 and sum(map(_size, self._kept.values())) > self.most_bytes:
            self._kept.popitem(last=False)
        return self._kept[key]


# Keras' random state belongs to the process: two runs at once, in a worker with several threads, would mix theirs.
_ONE_AT_A_TIME = threading.Lock()
_ARRAYS = PreparedRows()


def _train(plan: TrainingPlan, run: Run) -> dict[str, Any]:
    """The fields of a result that training decides."""
    job = make_job(plan, run)
    engine, reason = choose_engine(job.training.engine)
    with traced_gradients_forgotten():
        outcome = engine.train(job)
    diverged = outcome.diverged_epoch
    epochs = len(outcome.curve.train_loss)
    return {
        "score": None if diverged else outcome.curve.validation_metric[outcome.best_epoch - 1],
        "error": str(DivergedError(diverged)) if diverged else None,
        "penalty": outcome.penalty if diverged is None else 0.0,
        "epochs_trained": epochs if diverged is None else diverged,
        "best_epoch": outcome.best_epoch,
        "curve": outcome.curve,
        "weight_norms": {} if diverged else _kernel_norms(outcome.weights),
        "engine": f"{engine.name}: {reason}",
    }


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


def _size(arrays: Arrays) -> int:
    return sum(rows.nbytes for rows in vars(arrays).values() if isinstance(rows, np.ndarray))
