"""The model that a study leads to: its chosen configuration, trained once more on all rows that are not sealed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from search.coordination.taught import final_runs
from search.data import RowForm, encoded_shape
from search.errors import StudyFailedError
from search.followup.again import prepare_again
from search.followup.prediction import CardOutput, ModelCard
from search.models import Member, TableEnds, average_models, with_ends, with_named_inputs, with_texts
from search.preparation.study import PreparedStudy
from search.preparation.texts import raw_shapes
from search.records import Configuration, Purpose, Run
from search.selection import choose_stored, find_trial, no_score_remedy
from search.storage import Storage
from search.techniques import Scaling
from search.training import DecisionMetric, TrainingPlan, WorkerSession, best_threshold, final_plan

KerasModel = Any
"""A `keras.Model`: this package passes models on and never imports Keras."""


@dataclass(frozen=True)
class Refitted:
    """A model that a study leads to.

    Args:
        model: The model.
        card: What it does not say itself.
    """

    model: KerasModel
    card: ModelCard


def train_best(storage: Storage, name: str) -> KerasModel:
    """The model of `refit_study` alone; arguments and errors as there."""
    return refit_study(storage, name).model


def refit_study(storage: Storage, name: str, trial: int | None = None) -> Refitted:
    """Train the chosen configuration of a study, or that of one of its trials.

    Args:
        storage: An open database.
        name: The study. Its data, and its model's file, are read anew from where they were.
        trial: Another trial than the chosen one.

    Raises:
        UnknownStudyError: There is no such study.
        StudyFailedError: No trial of the study has a score, or this training failed.
        UsageError: The data is not what it was, or there is no such trial.
    """
    record = storage.study(name)
    trials = storage.trials(record.study_id)
    wanted = choose_stored(storage, record, trials).chosen if trial is None else find_trial(record, trials, trial)
    if wanted is None:
        remedy = no_score_remedy(name, sum(each.state.is_final for each in trials))
        raise StudyFailedError(f"{name}: expected a trial with a score to export, received none so far. {remedy}")
    prepared = prepare_again(record)
    return refit(prepared, wanted.configuration, final_runs(prepared, storage, record.study_id, wanted))


def train_final(prepared: PreparedStudy, configuration: Configuration) -> KerasModel:
    """The model of a configuration whose runs have taught nothing: early stopping watches a share of the rows."""
    return refit(prepared, configuration, [prepared.run(0, 0, 0, configuration, Purpose.REFIT)]).model


def refit(
    prepared: PreparedStudy,
    configuration: Configuration,
    runs: Sequence[Run],
    session: WorkerSession | None = None,
) -> Refitted:
    """Train one configuration on all rows that are not sealed.

    Nothing scores, for there is nothing left to choose.

    Args:
        prepared: The study.
        configuration: The one that was chosen.
        runs: Its `final_runs`; of several the model predicts the mean.
        session: Trains, and keeps what it compiles for the next one; None for a new one.

    Returns:
        A model of Keras' own classes. It takes rows as the study's source gives them, an array, several by name or a
        table's columns by name, as `search.models.with_ends` tells: filling, scaling and whitening are layers of it.
    """
    session = session or WorkerSession()
    members = train_members(prepared, runs, session)
    return join_members(prepared, members, _threshold(prepared, configuration, session))


def train_members(
    prepared: PreparedStudy, runs: Sequence[Run], session: WorkerSession, weight: float = 1.0
) -> list[Member]:
    """Train a configuration on all rows that are not sealed, once for each run.

    Args:
        prepared: The study.
        runs: Its `final_runs`.
        session: Trains.
        weight: How much the configuration counts among others; its runs share it.
    """
    plan = final_plan(prepared.plan, runs[0].configuration)
    return [replace(_trained_member(prepared, plan, run, session), weight=weight / len(runs)) for run in runs]


def _trained_member(prepared: PreparedStudy, plan: TrainingPlan, run: Run, session: WorkerSession) -> Member:
    model, link, rows = session.train_model(plan, run), session.link(plan, run), session.prepared_rows(plan, run)
    steps, encoder = rows.steps, rows.arrays.encoder
    if prepared.facts.scaled_bytes:
        shape = encoded_shape(plan.dataset)
        steps = (Scaling(np.zeros(shape), np.full(shape, 255.0)), *steps)
    of_table = encoder if encoder is not None and encoder.blocks is not None else None
    beside, output = session.beside(plan, run), plan.dataset.output
    return Member(model, steps, rows.arrays.target_scale, of_table, link, beside=beside, output=output)


def join_members(prepared: PreparedStudy, members: Sequence[Member], threshold: float) -> Refitted:
    """One model of one or several that were trained, with its card.

    Args:
        prepared: The study.
        members: Of several the model predicts the mean.
        threshold: Of two classes, the probability of the second above which it is the one predicted.
    """
    first, dataset = members[0], prepared.plan.dataset
    table_of_columns = first.encoder is not None
    shape, classes = encoded_shape(dataset), dataset.classes
    if len(members) > 1:
        model, link = average_models(members, shape, classes, threshold), None
    else:
        table = None if first.encoder is None else TableEnds(first.encoder, classes, first.link, threshold)
        model = with_ends(first.model, first.steps, shape, first.target_scale, table, first.beside, first.output)
        link = None if table else first.link
    if dataset.inputs:
        model = with_named_inputs(model, dataset.inputs)
    saved, inputs = prepared.plan.saved, dataset.inputs
    if saved is not None and saved.texts:
        model = with_texts(model, saved, inputs)
        shapes = raw_shapes(saved, inputs)
        inputs = tuple((name, shapes[name]) for name, _ in inputs)
    form = RowForm.of(dataset, prepared.spec.data)
    columns = {name: list(names) for name, names in dataset.made_of}
    is_linked = table_of_columns or len(members) > 1
    card = ModelCard(
        classes,
        _targets(prepared),
        form,
        link,
        threshold,
        inputs=inputs,
        columns=columns,
        output=dataset.output if first.beside else "",
        beside=tuple(CardOutput(each.name, each.classes, None if is_linked else each.link) for each in first.beside),
    )
    return Refitted(model, card)


def _threshold(prepared: PreparedStudy, configuration: Configuration, session: WorkerSession) -> float:
    """The probability above which the second of two classes is predicted.

    Where the study is judged by the classes that are chosen, it is the one at which that score is best on the rows that
    score, which the runs of the search are trained for once more; 0.5 for all others.
    """
    plan = prepared.plan
    if plan.dataset.task != "binary" or not isinstance(plan.scoring, DecisionMetric):
        return 0.5
    told = [session.predict_validation(plan, run) for run in prepared.runs(0, configuration)]
    weights = [each.weight for each in told if each.weight is not None]
    return best_threshold(
        plan.scoring,
        np.concatenate([each.target for each in told]),
        np.concatenate([each.predicted[:, -1] for each in told]),
        np.concatenate(weights) if len(weights) == len(told) else None,
    )


def _targets(prepared: PreparedStudy) -> tuple[str, ...]:
    """Names of the target columns."""
    targets = prepared.spec.data.targets
    return targets.get(prepared.plan.dataset.output, ())
