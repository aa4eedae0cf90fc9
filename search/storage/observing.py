"""Statements for those who watch a study: whether anything has changed, and what is new from a trial on.

A page that follows a study asks often. `read_state` answers from counts and keys; `observe` reads the trials that are
new since the last time, and no others.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from search.records import Purpose, Trial, TrialState
from search.storage import optuna_tables, tables
from search.storage.entries import BASELINE, CAUSE, CONFIGURATION, ERROR, MAX_INTERMEDIATE_VALUES
from search.storage.reading import NOT_FINITE, read_trials


@dataclass(frozen=True)
class RunOutline:
    """What a table tells of one run of the search.

    Args:
        fold: Index of its fold.
        seed: Its seed.
        score: None when it failed.
        error: Why it failed; None when it did not.
        epochs_trained: Epochs begun and finished.
        best_epoch: The epoch whose weights were kept.
    """

    fold: int
    seed: int
    score: float | None
    error: str | None
    epochs_trained: int
    best_epoch: int


@dataclass(frozen=True)
class ObservedTrial:
    """A trial with all that a page shows of it.

    Args:
        trial: The trial.
        key: Optuna's key of it in the database.
        value: Optuna's value: the score, or a pruned trial's last intermediate value; None without one.
        intermediate: Steps and values in the order of steps.
        attributes: User attributes that are not ours: name to JSON-ready value.
        runs: Of the search, by fold and repeat.
    """

    trial: Trial
    key: int
    value: float | None
    intermediate: Sequence[tuple[int, float]] = ()
    attributes: Mapping[str, Any] | None = None
    runs: Sequence[RunOutline] = ()


def read_state(connection: sa.Connection, study_id: int) -> str:
    """A text that is another one when anything has changed that is stored of a study; equal when nothing has."""
    trials, values, runs = optuna_tables.trials, optuna_tables.trial_intermediate_values, tables.runs
    of_study = trials.c.study_id == study_id
    running = sa.select(sa.func.count(values.c.trial_id), sa.func.sum(values.c.step)).join(
        trials, trials.c.trial_id == values.c.trial_id
    )
    queries: list[sa.Executable] = [
        sa.select(trials.c.state, sa.func.count(), sa.func.max(trials.c.trial_id)).where(of_study).group_by("state"),
        running.where(of_study, trials.c.state == TrialState.RUNNING.name),
        sa.select(sa.func.count()).where(runs.c.study_id == study_id, runs.c.purpose != Purpose.SEARCH.value),
        sa.select(tables.studies).where(tables.studies.c.study_id == study_id),
        sa.select(tables.verdicts.c.decided).where(tables.verdicts.c.study_id == study_id),
        sa.select(tables.analyses.c.kind, tables.analyses.c.key, tables.analyses.c.at).where(
            tables.analyses.c.study_id == study_id
        ),
        sa.select(tables.looks.c.look_id, tables.looks.c.result).where(tables.looks.c.study_id == study_id),
        *(
            sa.select(table.c.key, table.c.value_json).where(table.c.study_id == study_id)
            for table in (optuna_tables.study_user_attributes, optuna_tables.study_system_attributes)
        ),
    ]
    digest = hashlib.sha256()
    for query in queries:
        digest.update(repr(sorted(map(repr, connection.execute(query)))).encode())
    return digest.hexdigest()[:32]


def observe(connection: sa.Connection, study_id: int, since: int, most_values: int) -> list[ObservedTrial]:
    """The trials of a study from a number on, in six queries.

    Args:
        connection: To the database.
        study_id: The study.
        since: Number of the first one.
        most_values: Intermediate values of a trial to be told of: the first, the last, the lowest and the highest, and
            others spread evenly.
    """
    listed = read_trials(connection, study_id, first=since)
    trials, values = optuna_tables.trials, optuna_tables.trial_values
    of_these = (trials.c.study_id == study_id) & (trials.c.number >= since)
    keys = {row.number: row.trial_id for row in connection.execute(sa.select(trials).where(of_these))}
    found = sa.select(trials.c.number, values.c.value, values.c.value_type).join(
        values, values.c.trial_id == trials.c.trial_id
    )
    scores = {
        number: NOT_FINITE.get(kind, value)
        for number, value, kind in connection.execute(found.where(of_these, values.c.objective == 0))
    }
    intermediate = _read_intermediate(connection, of_these, most_values)
    attributes = _read_attributes(connection, of_these)
    runs = _read_runs(connection, study_id, since)
    return [
        ObservedTrial(
            trial,
            keys[trial.number],
            scores.get(trial.number),
            intermediate.get(trial.number, ()),
            attributes.get(trial.number, {}),
            runs.get(trial.number, ()),
        )
        for trial in listed
    ]


def _read_intermediate(
    connection: sa.Connection, of_these: sa.ColumnElement[bool], most: int
) -> dict[int, list[tuple[int, float]]]:
    trials, values = optuna_tables.trials, optuna_tables.trial_intermediate_values
    query = (
        sa.select(trials.c.number, values.c.step, values.c.intermediate_value, values.c.intermediate_value_type)
        .join(values, values.c.trial_id == trials.c.trial_id)
        .where(of_these)
        .order_by(trials.c.number, values.c.step)
    )
    if most < MAX_INTERMEDIATE_VALUES:
        query = _only_telling(query, of_these, most)
    found: dict[int, list[tuple[int, float]]] = defaultdict(list)
    for number, step, value, kind in connection.execute(query):
        found[number].append((step, value if kind == "FINITE" else NOT_FINITE[kind]))
    return dict(found)


def _only_telling(query: sa.Select[Any], of_these: sa.ColumnElement[bool], most: int) -> sa.Select[Any]:
    """The query of values that are the first, the last, the lowest or the highest of their trials, or one of so many.

    The values of a trial are inserted one after the other, so that their keys count them.
    """
    trials, values = optuna_tables.trials, optuna_tables.trial_intermediate_values
    ends = (
        sa.select(
            values.c.trial_id,
            sa.func.min(values.c.step).label("first"),
            sa.func.max(values.c.step).label("last"),
            sa.func.min(values.c.intermediate_value).label("lowest"),
            sa.func.max(values.c.intermediate_value).label("highest"),
        )
        .join(trials, trials.c.trial_id == values.c.trial_id)
        .where(of_these)
        .group_by(values.c.trial_id)
        .subquery()
    )
    is_end = values.c.step.in_((ends.c.first, ends.c.last)) | values.c.intermediate_value.in_(
        (ends.c.lowest, ends.c.highest)
    )
    every = MAX_INTERMEDIATE_VALUES // max(1, most - 4)
    joined = query.join(ends, ends.c.trial_id == values.c.trial_id)
    return joined.where(is_end | (values.c.trial_intermediate_value_id % every == 0))


def _read_attributes(connection: sa.Connection, of_these: sa.ColumnElement[bool]) -> dict[int, dict[str, Any]]:
    trials, attributes = optuna_tables.trials, optuna_tables.trial_user_attributes
    query = (
        sa.select(trials.c.number, attributes.c.key, attributes.c.value_json)
        .join(attributes, attributes.c.trial_id == trials.c.trial_id)
        .where(of_these, attributes.c.key.not_in((CONFIGURATION, BASELINE, ERROR, CAUSE)))
        .order_by(attributes.c.trial_user_attribute_id)
    )
    found: dict[int, dict[str, Any]] = defaultdict(dict)
    for number, key, value in connection.execute(query):
        found[number][key] = json.loads(value)
    return dict(found)


def _read_runs(connection: sa.Connection, study_id: int, since: int) -> dict[int, list[RunOutline]]:
    runs = tables.runs
    columns = (runs.c.fold, runs.c.seed, runs.c.score, runs.c.error, runs.c.epochs_trained, runs.c.best_epoch)
    query = (
        sa.select(runs.c.trial_number, *columns)
        .where(runs.c.study_id == study_id, runs.c.purpose == Purpose.SEARCH.value, runs.c.trial_number >= since)
        .order_by(runs.c.trial_number, runs.c.fold, runs.c.repeat)
    )
    found: dict[int, list[RunOutline]] = defaultdict(list)
    for number, *told in connection.execute(query):
        found[number].append(RunOutline(*told))
    return dict(found)
