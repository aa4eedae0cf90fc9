"""A run becomes a job: its rows prepared, its model described, its techniques in their places."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from search.data import Arrays, encoded_shape, is_stored
from search.models import (
    Architecture,
    Front,
    describe_model,
    find_front,
    open_slots,
    pretrained_layers,
    regularize,
    study_loss,
    thawed,
    unfrozen,
)
from search.records import Run
from search.spec import StudySpec, technique_of
from search.techniques import TECHNIQUES, HeadTechnique, stopping_rule, techniques_of
from search.training.engines import Job, Stores, Whole
from search.training.features import Features
from search.training.metrics import Metric, NotScored, SummedMetric
from search.training.plan import TrainingPlan
from search.training.rows import PreparedRows, data_changes, prepare_rows, stepped


def make_job(plan: TrainingPlan, run: Run, stores: Stores, *, second_phase: bool = False) -> Job:
    """What an engine needs to train a run, from initial weights.

    Args:
        plan: The study's plan.
        run: What to train. Its configuration has no `path`: that is several runs, one after the other.
        stores: Prepared rows are kept there for the runs to come.
        second_phase: Whether it is the second phase, of `[training] unfreeze`.
    """
    configuration, names = run.configuration, tuple(plan.spec.space)
    spec = plan.spec.configured(configuration)
    spec, thawing = _second_phase(plan, spec) if second_phase else (spec, ())
    values = _values(run)
    arrays = rows_of(plan, run, stores).arrays
    plain = _plain_model(plan, spec, arrays.train.array.shape[1:])
    regularized, whole = regularize(plain, configuration, names), None
    front = None if is_stored(plan.dataset.features) else find_front(plain, names)
    if front is not None:
        whole = Whole(plain, regularized)
        arrays = _passed(plan, arrays, front, stores)
        plain, regularized = (front.rest_of(each, arrays.train.array.shape[1:]) for each in (plain, regularized))
    return Job(
        arrays=arrays,
        capacity=plan.capacity_for(run),
        plain=plain,
        open=open_slots(plain, names),
        regularized=regularized if _trains_head(values) else replace(regularized, auxiliary=None),
        names=names,
        values=values,
        training=spec.training,
        stopping=stopping_rule(values),
        seed=run.seed,
        metric=_metric_of_runs(plan),
        n_classes=len(plan.dataset.classes),
        whole=whole,
        pretrained=pretrained_layers(plain, thawing),
        callbacks=plan.callbacks,
    )


def _metric_of_runs(plan: TrainingPlan) -> Metric:
    """What scores a run while it trains: a sum over outputs is known at its end alone."""
    metric = plan.scoring
    return NotScored(metric.parts) if isinstance(metric, SummedMetric) else metric


def _second_phase(plan: TrainingPlan, spec: StudySpec) -> tuple[StudySpec, tuple[str, ...]]:
    """The study in its second phase, and the layers that train in that alone."""
    phase = spec.training.unfreeze
    if phase is None:
        raise ValueError("expected a study with a second phase, received one without")
    thawing = thawed(_plain_model(plan, spec, encoded_shape(plan.dataset)), phase.layers)
    layers = {**(spec.model.layers or {}), **unfrozen(thawing)}
    told = {"learning_rate": phase.learning_rate, "epochs": phase.epochs, "schedule": None, "unfreeze": None}
    training, model = spec.training.model_copy(update=told), spec.model.model_copy(update={"layers": layers})
    return spec.model_copy(update={"training": training, "model": model}), thawing


def _passed(plan: TrainingPlan, arrays: Arrays, front: Front, stores: Stores) -> Arrays:
    """Rows that have passed the frozen front of a model."""
    features = stores.features.get((front.sha256, plan.identity), lambda: Features(front, _all_rows(plan)))
    # The rows are kept beside what came of them, so that no others can come under their identity.
    return stores.passed.get((front.sha256, id(arrays)), lambda: (arrays, stepped(arrays, features)))[1]


def _all_rows(plan: TrainingPlan) -> npt.NDArray[np.float32] | None:
    """The rows of a study as a model takes them; None for a table, whose inputs each fold makes for itself."""
    given = plan.dataset.features
    return np.asarray(given, np.float32) if isinstance(given, np.ndarray) and given.dtype.kind in "fiub" else None


def rows_of(plan: TrainingPlan, run: Run, stores: Stores) -> PreparedRows:
    """The rows that a run trains on, and what was done to them."""
    values = _values(run)
    fold, stops, changes = plan.fold(run), stopping_rule(values) is not None, data_changes(values)
    weights = plan.spec.configured(run.configuration).training.class_weight
    key = (plan.identity, fold.purpose, fold.number, stops, repr(weights))
    prepared = stores.rows.get((*key, ()), lambda: prepare_rows(plan, fold, keep_stop=stops, class_weight=weights))
    if not changes:
        return prepared
    return stores.rows.get((*key, changes), lambda: prepared.changed(changes))


def _values(run: Run) -> dict[str, float]:
    """Techniques' names, perhaps with a layer pattern, and their values as numbers."""
    return {name: _number(name, value) for name, value in run.configuration.items() if technique_of(name) is not None}


def _number(name: str, value: Any) -> float:
    return TECHNIQUES[cast(str, technique_of(name))].domain.number(value)


def _trains_head(names: Iterable[str]) -> bool:
    """Whether one of the techniques that names mean trains the head of a second task."""
    return any(isinstance(known, HeadTechnique) for known in techniques_of(names))


def _plain_model(plan: TrainingPlan, spec: StudySpec, input_shape: tuple[int, ...]) -> Architecture:
    dataset = plan.dataset
    loss = study_loss(spec.training, plan.loss)
    plain = describe_model(
        spec.model,
        input_shape,
        dataset.n_outputs,
        dataset.task,
        plan.saved,
        loss=loss,
        inputs=dataset.inputs,
        outputs=dataset.named_outputs,
        loss_weights=spec.training.loss_weights or {},
    )
    if not _trains_head(plan.spec.space):
        plain = replace(plain, auxiliary=None)  # without a loss, the head would be weights that nothing trains
    return plain.at_precision(spec.training.precision)
