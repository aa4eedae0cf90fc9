"""One worker's session: run in, result out, for as many studies as come."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from search.data import Dataset, is_stored, read_rows
from search.errors import DivergedError
from search.models import (
    BesideEnd,
    build_model,
    compiled_metrics,
    make_optimizer,
    probabilities_of,
    weights_by_path,
)
from search.models.losses import Link
from search.records import EngineChoice, FailureCause, Predictions, Run, RunReport, RunResult
from search.training.engines import (
    N_LANES,
    Job,
    LanesEngine,
    Outcome,
    Stores,
    Watch,
    choose_engine,
    keep_going,
    make_engines,
    predictions,
    program_key,
)
from search.training.failures import cause_of, error_in_one_line, is_out_of_memory, log_of
from search.training.jobs import make_job, rows_of
from search.training.metrics import SummedMetric
from search.training.plan import TrainingPlan
from search.training.rows import PreparedRows
from search.training.session import other_programs_forgotten, start_tensorflow, traced_gradients_forgotten
from search.training.stages import stage_jobs, train_stages

if TYPE_CHECKING:
    import keras

Report = Callable[[RunReport], bool]
"""Told how a run goes; returns whether it is to go on."""

_ROWS_AT_ONCE = 4096  # bounds the memory that activations take

# Not a session's: Keras' random state belongs to the process, and two runs at once, in threads, would mix theirs.
_ONE_AT_A_TIME = threading.Lock()


@dataclass(frozen=True, eq=False)
class Predicted:
    """What a run's model says of the rows that score it.

    Args:
        target: As they are trained on, shape (rows,) or (rows, targets).
        predicted: Probabilities of classes, or numbers, shape (rows, outputs), float32.
        weight: How much each row counts, shape (rows,); None when all count alike.
    """

    target: npt.NDArray[Any]
    predicted: npt.NDArray[np.float32]
    weight: npt.NDArray[np.float32] | None


class WorkerSession:
    """What one worker keeps while it trains: prepared rows, programs, calibrations, each bounded.

    It serves the plans of any number of studies, and those that train alike share what is compiled. With the session
    goes all that it keeps.

    Raises:
        ImportError, RuntimeError: TensorFlow or another package is missing or set up wrongly: nothing can be trained
            here. What fails later is a run's own.
    """

    def __init__(self) -> None:
        start_tensorflow()
        self._stores = Stores()
        self._engines = make_engines(self._stores)

    def train(self, plan: TrainingPlan, run: Run, report: Report = lambda _: True) -> RunResult:
        """Train one configuration on one fold with one seed, and score it.

        Args:
            plan: The study's plan; what is prepared and compiled for it is kept for the runs to come.
            run: What to train.
            report: Told about once a second; a run that takes less is not told of.

        Returns:
            The result. A run that diverges, or cannot be trained for whatever reason, is a result with an error and
            its cause, not an exception.
        """
        with _ONE_AT_A_TIME:
            return self._train_alone(plan, run, report)

    def train_together(
        self, plan: TrainingPlan, runs: Sequence[Run], report: Report = lambda _: True
    ) -> tuple[RunResult, ...]:
        """Train runs as `train` does, those side by side whose engine has lanes and that one program serves.

        Args:
            plan: The study's plan.
            runs: What to train; the results are what each run's is alone.
            report: Told of each run that takes long; one of which it has seen enough ends alone.

        Returns:
            A result for each run, in their order. The wall time of runs that were trained together is divided evenly.
            Where such runs cannot be trained together, for whatever reason, each is trained alone, and fails alone.
        """
        results: dict[int, RunResult] = {}
        with _ONE_AT_A_TIME:
            for places in self._alike(plan, runs):
                together = [runs[place] for place in places]
                trained = self._train_in_lanes(plan, together, report) if len(together) > 1 else None
                if trained is None:
                    trained = [self._train_alone(plan, run, report) for run in together]
                results.update(zip(places, trained, strict=True))
        return tuple(results[place] for place in range(len(runs)))

    def train_model(self, plan: TrainingPlan, run: Run) -> keras.Model:
        """Train a run as `train` does, for the model that comes of it.

        Returns:
            The model at the weights kept, compiled with the optimizer and the loss, made of Keras' own classes alone:
            it is saved, loaded and used without regsearch. With outputs beside the study's it gives a list, the study's
            first, and is not compiled. It takes rows, and predicts targets, as they are trained on,
            see `prepared_rows`. It has no head of a second task, and no layers that change its input while training:
            Keras' augmentation layers act unless they are told that nothing trains.

        Raises:
            DivergedError: Its loss or its weights are not finite.
        """
        with _ONE_AT_A_TIME:
            jobs = stage_jobs(plan, run, self._stores)
            outcome, _ = self._train(plan, run, jobs, keep_going)
            if outcome.diverged_epoch is not None:
                raise DivergedError(outcome.diverged_epoch)
            return _trained_model(jobs[-1], outcome)

    def prepared_rows(self, plan: TrainingPlan, run: Run) -> PreparedRows:
        """The rows that a run's model sees, with what was done to them and to their targets."""
        return rows_of(plan, run, self._stores)

    def predict_validation(self, plan: TrainingPlan, run: Run) -> Predicted:
        """Train a run again, and predict the rows that score it."""
        model, link = self.train_model(plan, run), self.link(plan, run)
        rows = self.prepared_rows(plan, run).arrays.validation
        at_once = _ROWS_AT_ONCE if is_stored(rows.array) else len(rows)
        pieces = [np.arange(first, min(first + at_once, len(rows))) for first in range(0, len(rows), at_once)]
        outputs = [
            probabilities_of(predictions(model(read_rows(rows.array, piece), training=False)), link) for piece in pieces
        ]
        return Predicted(rows.y, np.concatenate(outputs), rows.weight if rows.is_weighted else None)

    def predict(self, plan: TrainingPlan, runs: Sequence[Run], dataset: Dataset) -> npt.NDArray[Any]:
        """Train runs, and predict rows that had no part in them.

        Args:
            plan: A `final_plan`.
            runs: Of one configuration; of several the mean is predicted.
            dataset: Rows of the source of the study.

        Returns:
            Probabilities of classes, or numbers in the target's own unit, shape (rows, outputs); of several outputs
            that are scored those of all, beside one another.

        Raises:
            DivergedError: One of them diverged.
        """
        told, metric = [], plan.scoring
        for run in runs:
            if isinstance(metric, SummedMetric):
                encoded = self.prepared_rows(plan, run).encoded(dataset)
                told.append(self._joined(plan, run, metric, self.train_model(plan, run), encoded))
                continue
            model, link, rows = self.train_model(plan, run), self.link(plan, run), self.prepared_rows(plan, run)
            pieces = (
                model(
                    rows.encoded(dataset.take(np.arange(first, min(first + _ROWS_AT_ONCE, len(dataset))))),
                    training=False,
                )
                for first in range(0, len(dataset), _ROWS_AT_ONCE)
            )
            outputs = np.concatenate([np.asarray(probabilities_of(predictions(piece), link)) for piece in pieces])
            told.append(rows.arrays.in_own_unit(outputs))
        return np.asarray(np.mean(told, axis=0))

    def beside(self, plan: TrainingPlan, run: Run) -> tuple[BesideEnd, ...]:
        """What surrounds the outputs that a run's model gives behind the study's."""
        scales = self.prepared_rows(plan, run).arrays.further_scales
        classes = {each.name: each.classes for each in plan.dataset.further}
        return tuple(
            BesideEnd(each.name, each.loss.link, scales.get(each.name), classes[each.name])
            for each in stage_jobs(plan, run, self._stores)[-1].plain.beside
        )

    def link(self, plan: TrainingPlan, run: Run) -> Link | None:
        """What makes probabilities of the outputs of a run's model."""
        return stage_jobs(plan, run, self._stores)[-1].plain.loss.link

    def calibrate(self, plan: TrainingPlan, run: Run) -> EngineChoice:
        """Find the engine for a run and all runs of its architecture, by training a few epochs with each candidate.

        Returns:
            The engine; `fit` where this fails on the run, which will meet the failure and tell it as its own.

        Raises:
            MemoryError: There was not enough memory, which at another time there may be.
        """
        with _ONE_AT_A_TIME:
            try:
                return self._calibrated(stage_jobs(plan, run, self._stores)[-1])
            except Exception as error:
                if is_out_of_memory(error):
                    raise MemoryError(error_in_one_line(error)) from error
                return EngineChoice("fit", f"calibration failed ({error_in_one_line(error)})")

    def _train_alone(self, plan: TrainingPlan, run: Run, report: Report) -> RunResult:
        started = time.perf_counter()
        try:
            jobs = stage_jobs(plan, run, self._stores)
            outcome, chosen = self._train(plan, run, jobs, _watch_of(run, report))
            fields = _fields(self._scored(plan, run, jobs[-1], outcome), chosen)
        except Exception as error:  # noqa: BLE001  # whatever a run dies of, the study goes on
            fields = {"score": None, "error": error_in_one_line(error), "cause": cause_of(error), "log": log_of(error)}
        return _result(run, time.perf_counter() - started, fields)

    def _scored(self, plan: TrainingPlan, run: Run, job: Job, outcome: Outcome) -> Outcome:
        """The outcome of a run with its score, where that is of several outputs."""
        metric = plan.scoring
        if not isinstance(metric, SummedMetric) or outcome.diverged_epoch is not None or outcome.withdrawn:
            return outcome
        rows = self.prepared_rows(plan, run).arrays.validation
        predicted = self._joined(plan, run, metric, _trained_model(job, outcome), rows.array)
        target = metric.target_of(plan.dataset.take(plan.fold(run).validation))
        score = metric.score(target, predicted, rows.weight if rows.is_weighted else None)
        return replace(outcome, score=score, predicted=predicted)

    def _joined(
        self, plan: TrainingPlan, run: Run, metric: SummedMetric, model: keras.Model, rows: npt.NDArray[np.float32]
    ) -> npt.NDArray[Any]:
        """What the outputs of a model that are scored predict of rows, beside one another."""
        arrays, beside = self.prepared_rows(plan, run).arrays, self.beside(plan, run)
        ends = [(plan.dataset.output, self.link(plan, run), arrays.target_scale)]
        ends += [(each.name, each.link, each.target_scale) for each in beside]
        pieces = []
        for first in range(0, len(rows), _ROWS_AT_ONCE):
            given = model(read_rows(rows, np.arange(first, min(first + _ROWS_AT_ONCE, len(rows)))), training=False)
            told = {}
            for (name, link, scale), outputs in zip(ends, given, strict=True):
                values = np.asarray(probabilities_of(outputs, link))
                told[name] = values if scale is None else scale.restored(values)
            pieces.append(metric.joined([told[part.name] for part in metric.parts]))
        return np.concatenate(pieces)

    def _alike(self, plan: TrainingPlan, runs: Sequence[Run]) -> list[list[int]]:
        """The places of runs that can be trained together, each group in its order and of as many as there are lanes.

        A run of several stages is alone, and one of which no job can be made: it will meet that failure again.
        """
        groups: defaultdict[Hashable, list[int]] = defaultdict(list)
        for place, run in enumerate(runs):
            key: Hashable = place
            with contextlib.suppress(Exception):
                jobs = stage_jobs(plan, run, self._stores)
                if len(jobs) == 1 and self._chosen(jobs[0], run).trains_together:
                    key = program_key(jobs[0])
            groups[key].append(place)
        return [
            places[first : first + N_LANES] for places in groups.values() for first in range(0, len(places), N_LANES)
        ]

    def _train_in_lanes(self, plan: TrainingPlan, runs: Sequence[Run], report: Report) -> list[RunResult] | None:
        """Results of runs that are alike; None where they cannot be trained together."""
        started = time.perf_counter()
        try:
            jobs = [make_job(plan, run, self._stores) for run in runs]
            chosen = [self._chosen(job, run) for job, run in zip(jobs, runs, strict=True)]
            engine = self._engines[chosen[0].name]
            assert isinstance(engine, LanesEngine)
            with traced_gradients_forgotten():
                outcomes = engine.train_together(jobs, [_watch_of(run, report) for run in runs])
            other_programs_forgotten()
            ended = zip(runs, jobs, outcomes, strict=True)
            scored = [self._scored(plan, run, job, outcome) for run, job, outcome in ended]
            fields = [_fields(*each) for each in zip(scored, chosen, strict=True)]
        except Exception:  # noqa: BLE001  # each run will tell its own
            return None
        seconds = (time.perf_counter() - started) / len(runs)
        return [_result(run, seconds, each) for run, each in zip(runs, fields, strict=True)]

    def _train(self, plan: TrainingPlan, run: Run, jobs: Sequence[Job], watch: Watch) -> tuple[Outcome, EngineChoice]:
        """What came of a run, and the engine that trained it."""
        # The last stage may be a second phase, in which more of the model trains.
        chosen = self._chosen(jobs[-1], run)
        with traced_gradients_forgotten():
            outcome = train_stages(plan, run, jobs, self._engines[chosen.name], self._stores, watch)
        other_programs_forgotten()
        return outcome, chosen

    def _chosen(self, job: Job, run: Run) -> EngineChoice:
        """The engine that the run or the study names, or else this worker's own choice for the architecture."""
        if run.engine is not None:
            return run.engine
        if job.callbacks:
            return EngineChoice("fit")
        return self._calibrated(job) if job.training.engine == "auto" else EngineChoice(job.training.engine)

    def _calibrated(self, job: Job) -> EngineChoice:
        def choose() -> EngineChoice:
            with traced_gradients_forgotten():
                return choose_engine(job, self._engines)

        return self._stores.choices.get(program_key(job), choose)


def _watch_of(run: Run, report: Report) -> Watch:
    """What tells of a run to whoever listens to all of them."""

    def watch(first_epoch: int, validation_metric: npt.NDArray[np.float32]) -> bool:
        return report(RunReport(run, first_epoch, tuple(validation_metric.tolist())))

    return watch


def _result(run: Run, seconds: float, fields: Mapping[str, Any]) -> RunResult:
    return RunResult(run=run, seconds=seconds, worker=f"{socket.gethostname()}:{os.getpid()}", **fields)


def _fields(outcome: Outcome, chosen: EngineChoice) -> dict[str, Any]:
    """The fields of a result that training decides."""
    diverged, epochs = outcome.diverged_epoch, len(outcome.curve.train_loss)
    error, cause = _failure(outcome)
    return {
        "score": None if error else outcome.score,
        "error": error,
        "cause": cause,
        "penalty": outcome.penalty if diverged is None else 0.0,
        "epochs_trained": epochs if diverged is None else diverged,
        "best_epoch": outcome.best_epoch,
        "curve": outcome.curve,
        "weight_norms": {} if diverged else _kernel_norms(outcome.weights),
        "zero_shares": outcome.zero_shares,
        "zero_weights": {} if diverged else _zero_weights(outcome.weights),
        "predictions": None if error else Predictions(outcome.predicted),
        "engine": f"{chosen.name}: {chosen.reason}",
    }


def _failure(outcome: Outcome) -> tuple[str | None, FailureCause | None]:
    """Why there is no score, in words and for programs."""
    if outcome.diverged_epoch is not None:
        return str(DivergedError(outcome.diverged_epoch)), FailureCause.DIVERGED
    if outcome.withdrawn:
        return f"withdrawn at epoch {outcome.curve.n_epochs}", FailureCause.WITHDRAWN
    return None, None


def _trained_model(job: Job, outcome: Outcome) -> keras.Model:
    trained = replace((job.whole or job).regularized, entering=())
    model = build_model(trained, heads=bool(trained.beside))
    for path, variable in weights_by_path(model).items():
        if path in outcome.weights or job.whole is None:
            variable.assign(outcome.weights[path])
    if trained.beside:
        return model
    optimizer = make_optimizer(job.training, job.values, job.names, model)
    # Keras loads no model that is compiled with a function which its file does not hold.
    loss = {} if job.plain.loss.is_own else job.plain.loss.compile_arguments()
    model.compile(optimizer, metrics=compiled_metrics(job.plain), **loss)
    model.optimizer.build(model.trainable_variables)  # else Keras warns each time that the saved model is loaded
    return model


_NEXT_TO_ZERO = 1e-3
"""Of the largest weight of a kernel: no larger ones are next to zero.

No optimizer of Keras makes weights exactly zero: a penalty's gradient has them swing about it, by as much as a step of
that gradient. After 2,000 epochs of the moons study with L1, by Adam or SGD, half of them and more were above 1e-4 of
the largest weight and nearly all below 1e-3, where without a penalty less than 1 % of the weights were. Of a kernel
that has shrunk to nothing as a whole this tells nothing; its norm does.
"""


def _zero_weights(weights: Mapping[str, npt.NDArray[Any]]) -> dict[str, float]:
    """Layer name to the share of its kernel that is next to zero."""
    shares = {}
    for path, values in weights.items():
        if path.endswith("/kernel"):
            sizes = np.abs(values)
            shares[path.removesuffix("/kernel")] = float(np.mean(sizes <= _NEXT_TO_ZERO * sizes.max()))
    return shares


def _kernel_norms(weights: Mapping[str, npt.NDArray[Any]]) -> dict[str, float]:
    """Layer name to the L2 norm of its kernel."""
    return {
        path.removesuffix("/kernel"): float(np.linalg.norm(values))
        for path, values in weights.items()
        if path.endswith("/kernel")
    }
