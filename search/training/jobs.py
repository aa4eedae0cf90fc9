"""A run becomes a job: its rows prepared, its model described, its techniques in their places."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from search.data import Arrays, prepare
from search.models import Architecture, describe_model, open_slots, regularize
from search.records import Run
from search.spec import StudySpec, technique_of
from search.techniques import TECHNIQUES, DataTechnique, HeadTechnique, stopping_rule, techniques_of
from search.training.engines import Job
from search.training.metrics import METRICS
from search.training.plan import TrainingPlan
from search.training.recent import Recent

Changes = tuple[tuple[DataTechnique, float], ...]
"""Techniques that change all rows of a fold, in the order in which they do, and their values."""


def make_job(plan: TrainingPlan, run: Run, start: Mapping[str, npt.NDArray[Any]] | None = None) -> Job:
    """What an engine needs to train a run.

    Args:
        plan: The study's plan; what is prepared for it is kept for the runs to come.
        run: What to train. Its configuration has no `path`: that is several runs, one after the other.
        start: Weights to begin with, by path; None for the initial ones.
    """
    configuration, names = run.configuration, tuple(plan.spec.space)
    spec = plan.spec.configured(configuration)
    values = {name: _number(name, value) for name, value in configuration.items() if technique_of(name) is not None}
    stopping = stopping_rule(values)
    changes = _changes(values)
    arrays = _arrays(plan, run.fold, stopping is not None, changes)
    plain = _plain_model(plan, spec, arrays)
    regularized = regularize(plain, configuration, names)
    return Job(
        arrays=arrays,
        capacity=plan.capacity,
        plain=plain,
        open=open_slots(plain, names),
        regularized=regularized if _trains_head(values) else replace(regularized, auxiliary=None),
        names=names,
        values=values,
        training=spec.training,
        stopping=stopping,
        seed=run.seed,
        metric=METRICS[plan.metric],
        start=start,
    )


_ARRAYS: Recent[tuple[str, int, bool, Changes], Arrays] = Recent(256 * 2**20, lambda arrays: _n_bytes(arrays))


def _number(name: str, value: Any) -> float:
    return TECHNIQUES[cast(str, technique_of(name))].domain.number(value)


def _trains_head(names: Iterable[str]) -> bool:
    """Whether one of the techniques that names mean trains the head of a second task."""
    return any(isinstance(known, HeadTechnique) for known in techniques_of(names))


def _changes(values: Mapping[str, float]) -> Changes:
    known = (technique for technique in TECHNIQUES.values() if isinstance(technique, DataTechnique))
    return tuple((technique, values[technique.name]) for technique in known if technique.name in values)


def _plain_model(plan: TrainingPlan, spec: StudySpec, arrays: Arrays) -> Architecture:
    dataset = plan.dataset
    plain = describe_model(spec.model, arrays.x_train.shape[1:], dataset.n_outputs, dataset.task, plan.saved)
    if not _trains_head(plan.spec.space):
        plain = replace(plain, auxiliary=None)  # without a loss, the head would be weights that nothing trains
    return plain.at_precision(spec.training.precision)


def _arrays(plan: TrainingPlan, fold: int, stops: bool, changes: Changes) -> Arrays:
    def make() -> Arrays:
        return prepare(plan.dataset, plan.fold(fold), keep_stop=stops)

    prepared = _ARRAYS.get((plan.identity, fold, stops, ()), make)
    if not changes:
        return prepared
    return _ARRAYS.get((plan.identity, fold, stops, changes), lambda: _changed(prepared, changes))


def _changed(arrays: Arrays, changes: Changes) -> Arrays:
    """The rows as techniques that are fitted on those that train leave them."""
    for technique, value in changes:
        change = technique.fit(arrays.x_train, value)
        x_train, x_validation = change(arrays.x_train), change(arrays.x_validation)
        if arrays.x_stop is arrays.x_validation:
            x_stop = x_validation
        else:
            x_stop = change(arrays.x_stop) if len(arrays.x_stop) else x_train[:0]
        arrays = replace(arrays, x_train=x_train, x_stop=x_stop, x_validation=x_validation)
    return arrays


def _n_bytes(arrays: Arrays) -> int:
    return sum(rows.nbytes for rows in vars(arrays).values() if isinstance(rows, np.ndarray))
