"""The stages of a run: a path of rising coefficients is trained one after the other, each from where the last ended.

Every stage trains anew, with a fresh optimizer, up to all of its epochs and with all of its patience. To the outside
they are one run: its curve holds the epochs of all, so that what a path costs is told.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from search.records import Configuration, Curve, Run
from search.techniques import path_stages
from search.training.engines import Engine, Job, Outcome, Stores, Watch
from search.training.jobs import make_job
from search.training.plan import TrainingPlan


def stage_runs(run: Run) -> tuple[Run, ...]:
    """The runs, without a path, that a run is made of; most runs have but one."""
    return tuple(replace(run, configuration=Configuration(stage)) for stage in path_stages(run.configuration))


def stage_jobs(plan: TrainingPlan, run: Run, stores: Stores) -> tuple[Job, ...]:
    """The job of each stage of a run, from initial weights; the last one's is followed by that of the second phase."""
    stages = stage_runs(run)
    jobs = tuple(make_job(plan, stage, stores) for stage in stages)
    if plan.spec.training.unfreeze is None:
        return jobs
    return (*jobs, make_job(plan, stages[-1], stores, second_phase=True))


def train_stages(
    plan: TrainingPlan, run: Run, jobs: Sequence[Job], engine: Engine, stores: Stores, watch: Watch
) -> Outcome:
    """Train a run stage by stage.

    Stages are kept: a grid along a path trains each of its stages once. A worker that does not have them trains them
    anew, to the same end.

    Args:
        plan: The study's plan.
        run: What to train.
        jobs: Its `stage_jobs`.
        engine: What trains them.
        stores: Where stages are kept.
        watch: Told of the epochs of all stages, counted from the first one's; a stage that was kept tells of itself
            together with the next.
    """
    if len(jobs) == 1:
        return engine.train(jobs[0], watch)
    stages = tuple(stage.configuration for stage in stage_runs(run))
    stages += stages[-1:] * (len(jobs) - len(stages))  # the second phase of the last one
    told, outcomes = _Told(watch), list[Outcome]()
    for number, job in enumerate(jobs, start=1):
        begun = replace(job, start=_start(jobs[number - 2], outcomes[-1], stores)) if outcomes else job
        key = (*_study_key(plan), run.purpose, run.fold, run.seed, engine.name, stages[:number])
        outcomes.append(stores.stages.get(key, functools.partial(engine.train, begun, told.watch)))
        if outcomes[-1].withdrawn:
            stores.stages.drop(key)
        if outcomes[-1].withdrawn or outcomes[-1].diverged_epoch is not None:
            break
        told.end(outcomes[-1])
    return _joined(outcomes)


def _start(before: Job, outcome: Outcome, stores: Stores) -> Mapping[str, npt.NDArray[Any]]:
    """The weights with which the next stage begins: where a front was cut off, those of the front too."""
    if before.whole is None:
        return outcome.weights
    whole = replace(before, plain=before.whole.plain, whole=None)
    return {**stores.initial_weights(whole), **outcome.weights}


class _Told:
    """Tells a watch of the stages as of one run.

    What a stage did not tell of itself is told with the first words of the next one.
    """

    def __init__(self, watch: Watch) -> None:
        self._watch = watch
        self._n_told = 0  # epochs of all stages
        self._n_ended = 0  # epochs of the stages that have ended
        self._untold: list[npt.NDArray[np.float32]] = []

    def watch(self, first_epoch: int, validation_metric: npt.NDArray[np.float32]) -> bool:
        """The watch of a stage, which counts its own epochs."""
        fresh = np.concatenate([*self._untold, validation_metric])
        self._untold.clear()
        first, self._n_told = self._n_told + 1, self._n_told + len(fresh)
        return self._watch(first, fresh)

    def end(self, outcome: Outcome) -> None:
        """A stage has ended."""
        n_told = max(0, self._n_told - self._n_ended)
        self._untold.append(outcome.curve.validation_metric[n_told:])
        self._n_ended += outcome.curve.n_epochs


def _study_key(plan: TrainingPlan) -> tuple[object, ...]:
    return plan.identity, plan.spec.model_dump_json(), plan.scoring, repr((plan.saved, plan.loss))


def _joined(stages: Sequence[Outcome]) -> Outcome:
    """The outcome of the last stage, with the epochs of those before."""
    last, n_before = stages[-1], sum(stage.curve.n_epochs for stage in stages[:-1])
    curves = [stage.curve for stage in stages]
    return replace(
        last,
        curve=Curve(
            train_loss=np.concatenate([curve.train_loss for curve in curves]),
            validation_loss=np.concatenate([curve.validation_loss for curve in curves]),
            validation_metric=np.concatenate([curve.validation_metric for curve in curves]),
            stop_loss=np.concatenate([curve.stop_loss for curve in curves]),
        ),
        best_epoch=n_before + last.best_epoch,
        diverged_epoch=None if last.diverged_epoch is None else n_before + last.diverged_epoch,
    )
