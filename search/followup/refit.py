"""The model that a study leads to: its chosen configuration, trained once more on all rows that are not sealed."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np

from search.coordination.entry import fingerprint_problems
from search.data import Fold, draw_stop_rows, encoded_shape
from search.errors import StudyFailedError, UsageError
from search.models import with_ends
from search.preparation.study import PreparedStudy, prepare_spec
from search.records import Configuration, Purpose, StudyRecord
from search.selection import choose
from search.spec import spec_from_json
from search.storage import Storage
from search.techniques import Scaling, watches_stop_rows
from search.training import TrainingPlan, WorkerSession, default_metric

KerasModel = Any
"""A `keras.Model`: this package passes models on and never imports Keras."""

_ROWS_FOR_THE_CURVE = 256


def train_best(storage: Storage, name: str) -> KerasModel:
    """Train the chosen configuration of a study.

    Args:
        storage: An open database.
        name: The study. Its data, and its model's file, are read anew from where they were.

    Raises:
        UnknownStudyError: There is no such study.
        StudyFailedError: No trial of the study has a score, or this training failed.
        UsageError: The data is not what it was.
    """
    record = storage.study(name)
    chosen = choose(storage.trials(record.study_id), record.direction).chosen
    if chosen is None:
        raise StudyFailedError(f"{name}: expected a trial with a score to export, received none so far.")
    return train_final(_prepared_again(record), chosen.configuration)


def train_final(prepared: PreparedStudy, configuration: Configuration) -> KerasModel:
    """Train one configuration on all rows that are not sealed.

    With early stopping a share of them stops the run, as in the search; nothing scores, for there is nothing left to
    choose.

    Returns:
        A compiled model of Keras' own classes. It takes rows as the study's source gives them (text as one-hot inputs):
        scaling and whitening are layers of it.
    """
    fold = _whole_fold(prepared.plan, stops=watches_stop_rows(configuration))
    plan = dataclasses.replace(prepared.plan, folds=(fold,))
    if plan.own_metric is not None:
        # Nothing is to be scored, and a function of the user's may not take whatever rows are evaluated here.
        plan = dataclasses.replace(plan, metric=default_metric(plan.dataset.task), own_metric=None)
    run = prepared.run(0, 0, 0, configuration, Purpose.REFIT)
    session = WorkerSession()
    model = session.train_model(plan, run)
    shape = encoded_shape(plan.dataset)
    rows = session.prepared_rows(plan, run)
    steps = rows.steps
    if prepared.facts.scaled_bytes:
        steps = (Scaling(np.zeros(shape), np.full(shape, 255.0)), *steps)
    return with_ends(model, steps, shape, rows.arrays.target_scale)


def _prepared_again(record: StudyRecord) -> PreparedStudy:
    folder = Path(record.facts.folder or ".")
    prepared = prepare_spec(spec_from_json(record.spec), folder)
    if problems := fingerprint_problems(record, prepared, f"Put back what the study was begun with in {folder}."):
        raise UsageError(problems)
    return prepared


def _whole_fold(plan: TrainingPlan, *, stops: bool) -> Fold:
    """A fold that trains on everything; some rows are evaluated, for an engine evaluates some."""
    if stops:
        train, stop = draw_stop_rows(plan.dataset, plan.spec.split, plan.spec.study.seed)
        return Fold(0, train, stop, stop, Purpose.REFIT)
    rows = np.arange(len(plan.dataset), dtype=np.int64)
    return Fold(0, rows, rows[:0], rows[:_ROWS_FOR_THE_CURVE], Purpose.REFIT)
