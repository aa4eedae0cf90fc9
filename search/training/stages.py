"""The stages of a run: a path of rising coefficients is trained one after the other, each from where the last ended.

Every stage trains anew, with a fresh optimizer, up to all of its epochs and with all of its patience. To the outside
they are one run: its curve holds the epochs of all, so that what a path costs is told.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from search.records import Configuration, Curve, Run
from search.techniques import path_stages
from search.training.engines import ENGINES, Job, Outcome, Watch
from search.training.jobs import make_job
from search.training.plan import TrainingPlan
from search.training.recent import Recent


def train_stages(plan: TrainingPlan, run: Run, engine: str, watch: Watch) -> Outcome:
    """Train a run with its stages; most runs have but one.

    Stages are kept: a grid along a path trains each of its stages once. A worker that does not have them trains them
    anew, to the same end.

    Args:
        plan: The study's plan.
        run: What to train.
        engine: Name of the engine.
        watch: Told of the epochs of all stages, counted from the first one's; a stage that was kept tells of itself
            together with the next.
    """
    stages = tuple(map(Configuration, path_stages(run.configuration)))
    told, outcomes = _Told(watch), list[Outcome]()
    for number, configuration in enumerate(stages, start=1):
        start = outcomes[-1].weights if outcomes else None
        job = make_job(plan, replace(run, configuration=configuration), start)
        train = functools.partial(_train, engine, job, told.watch)
        if len(stages) == 1:
            return train()
        key = (*_study_key(plan), run.fold, run.seed, engine, stages[:number])
        outcomes.append(_STAGES.get(key, train))
        if outcomes[-1].withdrawn:
            _STAGES.drop(key)
        if outcomes[-1].withdrawn or outcomes[-1].diverged_epoch is not None:
            break
        told.end(outcomes[-1])
    return _joined(outcomes)


_STAGES: Recent[tuple[object, ...], Outcome] = Recent(64 * 2**20, lambda outcome: _n_bytes(outcome))


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


def _train(engine: str, job: Job, watch: Watch) -> Outcome:
    return ENGINES[engine].train([job], watch)[0]


def _study_key(plan: TrainingPlan) -> tuple[object, ...]:
    return plan.identity, plan.spec.model_dump_json(), plan.metric, repr(plan.saved)


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


def _n_bytes(outcome: Outcome) -> int:
    return sum(values.nbytes for values in outcome.weights.values()) + 4 * 4 * outcome.curve.n_epochs
