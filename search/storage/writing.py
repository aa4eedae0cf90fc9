"""Statements that write trials, on a connection that the caller opened for writing.

A batch costs about a dozen statements, however many trials are in it: one a table, with a row for each value. None
of these functions commits.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from search.records import Purpose, RunResult, TrialState
from search.storage import optuna_tables, tables
from search.storage.entries import BASELINE, CAUSE, CONFIGURATION, ERROR, Ended, Entry, Progressed, Started
from search.storage.logs import insert_logs
from search.storage.texts import storable

Row = dict[str, Any]


class TrialRefusedError(Exception):
    """The database is not as the writer believes: `expected ..., received ...`."""


def write_entries(connection: sa.Connection, study_id: int, entries: Sequence[Entry]) -> None:
    """Write what happened to trials, in the order in which it happened.

    A trial that starts and ends in the same batch is inserted once, complete.

    Raises:
        TrialRefusedError: A trial that starts is not the next one of the study; one that progresses or ends is
            not RUNNING. The caller must roll back.
    """
    changes = _group(entries)
    lock_study(connection, study_id)
    known = [number for number, change in changes.items() if change.started is None]
    ids = _find_running(connection, study_id, known)
    _close(connection, [(ids[number], ended) for number in known if (ended := changes[number].ended) is not None])
    _delete_intermediate_values(connection, list(ids.values()))
    ids |= _insert_trials(connection, study_id, list(changes.values()))

    written = [(ids[number], change) for number, change in changes.items()]
    for table, rows_of in (
        (optuna_tables.trial_params, _param_rows),
        (optuna_tables.trial_user_attributes, _attribute_rows),
        (optuna_tables.trial_values, _value_rows),
        (optuna_tables.trial_intermediate_values, _intermediate_rows),
    ):
        _insert(connection, table, [row for trial_id, change in written for row in rows_of(trial_id, change)])
    results = [result for change in changes.values() if change.ended is not None for result in change.ended.results]
    insert_runs(connection, study_id, results)


def insert_runs(connection: sa.Connection, study_id: int, results: Sequence[RunResult]) -> None:
    """Write runs, each under its purpose, with their curves and predictions, as the bytes in which these came."""
    if not results:
        return
    runs = tables.runs
    statement = sa.insert(runs).returning(
        runs.c.run_id, runs.c.trial_number, runs.c.purpose, runs.c.fold, runs.c.repeat
    )
    rows = connection.execute(statement, [_run_row(study_id, result) for result in results])
    ids = {tuple(key): run_id for run_id, *key in rows}
    keyed = [(ids[r.run.trial, r.run.purpose.value, r.run.fold, r.run.repeat], r) for r in results]
    _insert(connection, tables.curves, [{"run_id": key, "curve": result.curve.to_bytes()} for key, result in keyed])
    _insert(connection, tables.predictions, [row for key, result in keyed for row in _prediction_rows(key, result)])
    insert_logs(connection, study_id, {key: result.log for key, result in keyed if result.log is not None})


def write_runs(connection: sa.Connection, study_id: int, results: Sequence[RunResult]) -> None:
    """Write runs that are no part of the search.

    Raises:
        TrialRefusedError: The study was deleted. The caller must roll back.
        ValueError: One is a run of the search.
    """
    if any(result.run.purpose is Purpose.SEARCH for result in results):
        raise ValueError("expected runs that are no part of the search, received one that is: it ends with its trial")
    lock_study(connection, study_id)
    insert_runs(connection, study_id, results)


def missing(connection: sa.Connection, study_id: int, entries: Sequence[Entry]) -> list[Entry]:
    """Those entries that are not in the database, of some that may have been written before.

    Raises:
        TrialRefusedError: A trial ended otherwise than an entry says.
    """
    states = _states(connection, study_id, {entry.number for entry in entries})
    left: list[Entry] = []
    for entry in entries:
        state = states.get(entry.number)
        if state is None or not (isinstance(entry, Started) or state.is_final):
            left.append(entry)
        elif isinstance(entry, Ended) and state.is_final and state is not entry.state:
            raise TrialRefusedError(f"expected trial {entry.number} to be {entry.state.name}, received {state.name}")
    return left


def missing_runs(connection: sa.Connection, study_id: int, results: Sequence[RunResult]) -> list[RunResult]:
    """Those runs that are not in the database, of some that may have been written before."""
    runs = tables.runs
    query = sa.select(runs.c.trial_number, runs.c.purpose, runs.c.fold, runs.c.repeat).where(
        runs.c.study_id == study_id, runs.c.trial_number.in_({result.run.trial for result in results})
    )
    there = {tuple(row) for row in connection.execute(query)}
    return [r for r in results if (r.run.trial, r.run.purpose.value, r.run.fold, r.run.repeat) not in there]


def _states(connection: sa.Connection, study_id: int, numbers: Iterable[int]) -> dict[int, TrialState]:
    trials = optuna_tables.trials
    query = sa.select(trials.c.number, trials.c.state).where(
        trials.c.study_id == study_id, trials.c.number.in_(numbers)
    )
    return {row.number: TrialState[row.state] for row in connection.execute(query)}


def delete_predictions(connection: sa.Connection, study_id: int, purpose: Purpose, trials: Sequence[int]) -> None:
    """Delete what the runs of some trials predicted; the runs stay."""
    runs, predictions = tables.runs, tables.predictions
    theirs = sa.select(runs.c.run_id).where(
        runs.c.study_id == study_id, runs.c.purpose == purpose.value, runs.c.trial_number.in_(trials)
    )
    connection.execute(sa.delete(predictions).where(predictions.c.run_id.in_(theirs)))


@dataclass
class _Change:
    """All that a batch does to one trial."""

    started: Started | None = None
    progressed: Progressed | None = None
    ended: Ended | None = None


def _group(entries: Iterable[Entry]) -> dict[int, _Change]:
    """The entries by trial; refuses a start that is not the first of its trial, and whatever comes after an end."""
    changes: dict[int, _Change] = {}
    for entry in entries:
        if isinstance(entry, Started):
            if entry.number in changes:
                raise TrialRefusedError(f"expected trial {entry.number} to start first and once, received a late start")
            changes[entry.number] = _Change(started=entry)
            continue
        change = changes.setdefault(entry.number, _Change())
        if change.ended is not None:
            raise _not_running(entry.number, change.ended.state.name)
        if isinstance(entry, Progressed):
            change.progressed = entry
        else:
            change.ended = entry
    return changes


def lock_study(connection: sa.Connection, study_id: int) -> None:
    """As Optuna does: lock the study's row (on a server), so that two writers cannot count the same trials."""
    lock = sa.select(optuna_tables.studies.c.study_id).where(optuna_tables.studies.c.study_id == study_id)
    if connection.execute(lock.with_for_update()).first() is None:
        raise TrialRefusedError("expected the study to exist, received that it was deleted")


def _find_running(connection: sa.Connection, study_id: int, numbers: Sequence[int]) -> dict[int, int]:
    """Number to key of trials that must be RUNNING, and stay so until the transaction ends."""
    if not numbers:
        return {}
    trials = optuna_tables.trials
    query = sa.select(trials.c.number, trials.c.trial_id, trials.c.state).where(
        trials.c.study_id == study_id, trials.c.number.in_(numbers)
    )
    found = {row.number: row for row in connection.execute(query.with_for_update())}
    for number in numbers:
        if number not in found:
            raise TrialRefusedError(f"expected trial {number} to exist, received that it does not")
        if found[number].state != TrialState.RUNNING.name:
            raise _not_running(number, found[number].state)
    return {number: found[number].trial_id for number in numbers}


def _close(connection: sa.Connection, ends: Sequence[tuple[int, Ended]]) -> None:
    if not ends:
        return
    trials = optuna_tables.trials
    update = (
        sa.update(trials)
        .where(trials.c.trial_id == sa.bindparam("key"))
        .values(state=sa.bindparam("end"), datetime_complete=sa.bindparam("at"))
    )
    connection.execute(update, [{"key": key, "end": ended.state.name, "at": ended.at} for key, ended in ends])


def _delete_intermediate_values(connection: sa.Connection, trial_ids: Sequence[int]) -> None:
    if trial_ids:
        values = optuna_tables.trial_intermediate_values
        connection.execute(sa.delete(values).where(values.c.trial_id.in_(trial_ids)))


def _insert_trials(connection: sa.Connection, study_id: int, changes: Sequence[_Change]) -> dict[int, int]:
    """Insert the trials that start, RUNNING or ended already, and return number to key."""
    rows = [_trial_row(study_id, change.started, change.ended) for change in changes if change.started is not None]
    if not rows:
        return {}
    trials = optuna_tables.trials
    n_before = connection.scalar(sa.select(sa.func.count()).where(trials.c.study_id == study_id)) or 0
    for expected, row in enumerate(rows, n_before):
        if row["number"] != expected:
            raise TrialRefusedError(f"expected {expected} to be the next trial, received {row['number']}")
    inserted = connection.execute(sa.insert(trials).returning(trials.c.number, trials.c.trial_id), rows)
    return {row.number: row.trial_id for row in inserted}


def _insert(connection: sa.Connection, table: sa.Table, rows: Sequence[Row]) -> None:
    if rows:
        connection.execute(sa.insert(table), rows)


def _trial_row(study_id: int, started: Started, ended: Ended | None) -> Row:
    return {
        "number": started.number,
        "study_id": study_id,
        "state": (TrialState.RUNNING if ended is None else ended.state).name,
        "datetime_start": started.at,
        "datetime_complete": None if ended is None else ended.at,
    }


def _param_rows(trial_id: int, change: _Change) -> Iterator[Row]:
    for parameter in change.started.parameters if change.started else ():
        yield {
            "trial_id": trial_id,
            "param_name": parameter.name,
            "param_value": parameter.internal,
            "distribution_json": parameter.distribution,
        }


def _attribute_rows(trial_id: int, change: _Change) -> Iterator[Row]:
    attributes: dict[str, Any] = {}
    if change.started:
        attributes[CONFIGURATION] = dict(change.started.configuration)
        if change.started.baseline:
            attributes[BASELINE] = True
    if change.ended:
        attributes |= change.ended.user_attrs
        if change.ended.error is not None:
            attributes[ERROR] = change.ended.error
        if change.ended.cause is not None:
            attributes[CAUSE] = change.ended.cause.value
    for key, value in attributes.items():
        yield {"trial_id": trial_id, "key": key, "value_json": json.dumps(value)}


def _value_rows(trial_id: int, change: _Change) -> Iterator[Row]:
    ended = change.ended
    if ended is None:
        return
    value = ended.score
    if ended.state is TrialState.PRUNED and ended.intermediate:
        # As Optuna's `tell`: a pruned trial has its last intermediate value, unless that is not a number.
        value = ended.intermediate[max(ended.intermediate)]
    if value is not None and not math.isnan(value):
        kind, number = _stored_number(value)
        yield {"trial_id": trial_id, "objective": 0, "value": number, "value_type": kind}


def _intermediate_rows(trial_id: int, change: _Change) -> Iterator[Row]:
    last = change.ended or change.progressed
    values: Mapping[int, float] = {} if last is None else last.intermediate
    for step, value in sorted(values.items()):
        kind, number = _stored_number(value)
        yield {
            "trial_id": trial_id,
            "step": step,
            "intermediate_value": number,
            "intermediate_value_type": kind,
        }


def _stored_number(value: float) -> tuple[str, float | None]:
    """A number as Optuna stores it: its kind, and the number when it is finite."""
    if math.isfinite(value):
        return "FINITE", value
    if math.isnan(value):
        return "NAN", None
    return ("INF_POS" if value > 0 else "INF_NEG"), None


def _run_row(study_id: int, result: RunResult) -> Row:
    return {
        "study_id": study_id,
        "trial_number": result.run.trial,
        "purpose": result.run.purpose.value,
        "fold": result.run.fold,
        "repeat": result.run.repeat,
        "seed": result.run.seed,
        "score": result.score,
        "error": None if result.error is None else storable(result.error),
        # SQLite turns NaN into null by itself; done here, both databases hold the same.
        "penalty": None if math.isnan(result.penalty) else result.penalty,
        "epochs_trained": result.epochs_trained,
        "best_epoch": result.best_epoch,
        "weight_norms": json.dumps(dict(result.weight_norms)),
        "zero_shares": json.dumps(dict(result.zero_shares)),
        "zero_weights": json.dumps(dict(result.zero_weights)),
        "seconds": result.seconds,
        "engine": storable(result.engine),
        "worker": storable(result.worker),
        "cause": None if result.cause is None else result.cause.value,
    }


def _prediction_rows(run_id: int, result: RunResult) -> Iterator[Row]:
    if result.predictions is not None:
        packed = result.predictions.to_bytes()
        yield {"run_id": run_id, "predictions": packed, "n_bytes": len(packed)}


def _not_running(number: int, state: str) -> TrialRefusedError:
    return TrialRefusedError(f"expected trial {number} to be RUNNING, received {state}")
