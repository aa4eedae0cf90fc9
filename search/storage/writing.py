"""Statements that write trials, each on a connection that the caller opened for writing.

A trial is written twice: when it starts (state RUNNING, its parameters) and when it ends (everything else).
None of these functions commits, so that several trials may share one transaction.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from search.records import Configuration, Parameter, RunResult, TrialState
from search.storage import optuna_tables, tables
from search.storage.curves import encode_curve
from search.storage.studies import utc_now

MAX_INTERMEDIATE_VALUES = 50
"""Intermediate values a trial may have: readers of Optuna's tables slow down with each one."""

CONFIGURATION, BASELINE, ERROR = "configuration", "baseline", "error"
_RESERVED = frozenset({CONFIGURATION, BASELINE, ERROR})
_FINISHED = frozenset({TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL})


class TrialRefusedError(Exception):
    """The database is not as the writer believes: `expected ..., received ...`."""


def insert_trial(
    connection: sa.Connection,
    study_id: int,
    number: int,
    configuration: Configuration,
    parameters: Sequence[Parameter],
    baseline: bool,
) -> None:
    """Write a trial that starts now.

    Raises:
        TrialRefusedError: `number` is not the next one of the study.
    """
    trials = optuna_tables.trials
    # As Optuna does: lock the study's row (on a server), so that two writers cannot count the same trials.
    lock = sa.select(optuna_tables.studies.c.study_id).where(optuna_tables.studies.c.study_id == study_id)
    if connection.execute(lock.with_for_update()).first() is None:
        raise TrialRefusedError("expected the study to exist, received that it was deleted")
    n_before = connection.scalar(sa.select(sa.func.count()).where(trials.c.study_id == study_id))
    if number != n_before:
        raise TrialRefusedError(f"expected {n_before} to be the next trial, received {number}")
    insert = sa.insert(trials).values(
        number=number, study_id=study_id, state=TrialState.RUNNING.name, datetime_start=utc_now()
    )
    trial_id = connection.scalars(insert.returning(trials.c.trial_id)).one()
    if parameters:
        connection.execute(sa.insert(optuna_tables.trial_params), [_param_row(trial_id, p) for p in parameters])
    attributes = {CONFIGURATION: dict(configuration)} | ({BASELINE: True} if baseline else {})
    _insert_attributes(connection, trial_id, attributes)


def update_trial(
    connection: sa.Connection,
    study_id: int,
    number: int,
    *,
    state: TrialState,
    score: float | None,
    error: str | None,
    results: Sequence[RunResult],
    intermediate: Mapping[int, float],
    user_attrs: Mapping[str, Any],
) -> None:
    """Write the end of a trial: state, value, intermediate values, attributes, runs and curves.

    Raises:
        TrialRefusedError: The trial is not RUNNING.
        ValueError: The outcome contradicts itself; see `check_outcome`.
    """
    check_outcome(number, state, score, error, results, intermediate, user_attrs)
    trial_id = _end(connection, study_id, number, state)
    if score is not None:
        row = {"trial_id": trial_id, "objective": 0, "value": score, "value_type": "FINITE"}
        connection.execute(sa.insert(optuna_tables.trial_values), [row])
    if intermediate:
        rows = [_intermediate_row(trial_id, step, value) for step, value in sorted(intermediate.items())]
        connection.execute(sa.insert(optuna_tables.trial_intermediate_values), rows)
    _insert_attributes(connection, trial_id, {**user_attrs, **({} if error is None else {ERROR: error})})
    insert_runs(connection, study_id, tables.SEARCH, results)


def check_outcome(
    number: int,
    state: TrialState,
    score: float | None,
    error: str | None,
    results: Sequence[RunResult],
    intermediate: Mapping[int, float],
    user_attrs: Mapping[str, Any],
) -> None:
    """Refuse what Optuna could not read back, or what contradicts itself.

    Raises:
        ValueError: The state is not an end; a complete trial has no finite score; a failed one has a score
            or no error; there are more than 50 intermediate values; an attribute's name is taken or too long;
            a result is of another trial.
    """
    if state not in _FINISHED:
        raise ValueError(f"expected a state that ends a trial, received {state.name}")
    if state is TrialState.COMPLETE and score is None:
        raise ValueError("expected a complete trial to have a score, received None")
    if score is not None and not math.isfinite(score):
        raise ValueError(f"expected a finite score, received {score!r}")
    if (state is TrialState.FAIL) != (error is not None):
        raise ValueError(f"expected an error if and only if the trial failed, received {state.name}, {error!r}")
    if state is TrialState.FAIL and score is not None:
        raise ValueError(f"expected a failed trial to have no score, received {score!r}")
    if len(intermediate) > MAX_INTERMEDIATE_VALUES:
        received = len(intermediate)
        raise ValueError(f"expected at most {MAX_INTERMEDIATE_VALUES} intermediate values, received {received}")
    for key in user_attrs:
        if key in _RESERVED or len(key) > optuna_tables.MAX_KEY_LENGTH:
            raise ValueError(f"expected a free attribute name of at most 512 characters, received {key!r}")
    for result in results:
        if result.run.trial != number:
            raise ValueError(f"expected runs of trial {number}, received one of trial {result.run.trial}")


def insert_runs(connection: sa.Connection, study_id: int, purpose: str, results: Sequence[RunResult]) -> None:
    """Write runs and their curves."""
    if not results:
        return
    runs = tables.runs
    statement = sa.insert(runs).returning(runs.c.run_id, sort_by_parameter_order=True)
    ids = connection.scalars(statement, [_run_row(study_id, purpose, result) for result in results]).all()
    curves = [
        {"run_id": run_id, "curve": encode_curve(result.curve)} for run_id, result in zip(ids, results, strict=True)
    ]
    connection.execute(sa.insert(tables.curves), curves)


def _end(connection: sa.Connection, study_id: int, number: int, state: TrialState) -> int:
    """Close a RUNNING trial and return its key; refuse any other."""
    trials = optuna_tables.trials
    this = (trials.c.study_id == study_id) & (trials.c.number == number)
    found = connection.execute(sa.select(trials.c.trial_id, trials.c.state).where(this)).one_or_none()
    if found is None:
        raise TrialRefusedError(f"expected trial {number} to exist, received that it does not")
    # The state is asked for again: on a server, another writer may have come in between.
    running = (trials.c.trial_id == found.trial_id) & (trials.c.state == TrialState.RUNNING.name)
    closed = connection.execute(sa.update(trials).where(running).values(state=state.name, datetime_complete=utc_now()))
    if closed.rowcount != 1:
        raise TrialRefusedError(f"expected trial {number} to be RUNNING, received {found.state}")
    return int(found.trial_id)


def _insert_attributes(connection: sa.Connection, trial_id: int, attributes: Mapping[str, Any]) -> None:
    if attributes:
        connection.execute(
            sa.insert(optuna_tables.trial_user_attributes),
            [{"trial_id": trial_id, "key": key, "value_json": json.dumps(value)} for key, value in attributes.items()],
        )


def _param_row(trial_id: int, parameter: Parameter) -> dict[str, Any]:
    return {
        "trial_id": trial_id,
        "param_name": parameter.name,
        "param_value": parameter.internal,
        "distribution_json": parameter.distribution,
    }


def _intermediate_row(trial_id: int, step: int, value: float) -> dict[str, Any]:
    if math.isnan(value):
        kind = "NAN"
    elif math.isinf(value):
        kind = "INF_POS" if value > 0 else "INF_NEG"
    else:
        kind = "FINITE"
    return {
        "trial_id": trial_id,
        "step": step,
        "intermediate_value": value if kind == "FINITE" else None,
        "intermediate_value_type": kind,
    }


def _run_row(study_id: int, purpose: str, result: RunResult) -> dict[str, Any]:
    return {
        "study_id": study_id,
        "trial_number": result.run.trial,
        "purpose": purpose,
        "fold": result.run.fold,
        "repeat": result.run.repeat,
        "seed": result.run.seed,
        "score": result.score,
        "error": None if result.error is None else _storable(result.error),
        # SQLite turns NaN into null by itself; done here, both databases hold the same.
        "penalty": None if math.isnan(result.penalty) else result.penalty,
        "epochs_trained": result.epochs_trained,
        "best_epoch": result.best_epoch,
        "weight_norms": json.dumps(dict(result.weight_norms)),
        "seconds": result.seconds,
        "engine": _storable(result.engine),
        "worker": _storable(result.worker),
    }


def _storable(text: str) -> str:
    """The text without what a database refuses in a text: NUL, and halves of surrogate pairs."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode()
