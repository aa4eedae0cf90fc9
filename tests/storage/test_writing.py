"""The contract of a batch: on SQLite and on PostgreSQL."""

from __future__ import annotations

import math
import pickle
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest
import sqlalchemy as sa

from search.errors import StorageError
from search.records import Configuration, Parameter, RunResult, StudyRecord, TrialState
from search.storage import Ended, Entry, Progressed, Started, Storage, optuna_tables, tables

MakeResult = Callable[..., RunResult]
_CONFIGURATION = Configuration({"l2": 0.125, "dropout": 0.75})


@pytest.fixture
def entries(make_result: MakeResult, parameters: tuple[Parameter, ...]) -> list[Entry]:
    """Five trials: complete, failed, pruned, complete after some progress, and one that still runs."""
    return [
        Started(0, Configuration(), baseline=True),
        Started(1, _CONFIGURATION, parameters),
        Started(2, _CONFIGURATION, parameters),
        Progressed(2, {1: 0.5}),
        Ended(1, TrialState.FAIL, error="diverged at epoch 3", results=[make_result(1, score=None, error="diverged")]),
        Started(3, _CONFIGURATION, parameters),
        Progressed(2, {1: 0.5, 2: math.nan}),
        Ended(0, TrialState.COMPLETE, 0.5, results=[make_result(0, fold) for fold in (1, 0)], intermediate={3: 0.5}),
        Progressed(3, {1: 0.5, 2: math.inf}),
        Ended(2, TrialState.PRUNED, results=[make_result(2)], intermediate={1: 0.5, 2: 0.75}),
        Started(4, _CONFIGURATION, parameters),
        Ended(3, TrialState.COMPLETE, 0.25, intermediate={2: 0.5, 4: -math.inf}, user_attrs={"same_as_trial": 0}),
        Progressed(4, {1: 0.25, 2: math.nan}),
    ]


def _rows(connection: sa.Connection, study_id: int) -> dict[str, list[Any]]:
    """Every row of a study's trials in the tables of both, without the keys that a database gives."""
    trials, runs = optuna_tables.trials, tables.runs
    by_number = sa.select(trials.c.number).where(trials.c.study_id == study_id)
    queries = {"trials": by_number.add_columns(trials.c.state, trials.c.datetime_start, trials.c.datetime_complete)}
    for table in (
        optuna_tables.trial_params,
        optuna_tables.trial_user_attributes,
        optuna_tables.trial_values,
        optuna_tables.trial_intermediate_values,
    ):
        values = [column for column in table.c if not column.primary_key and column.name != "trial_id"]
        queries[table.name] = by_number.join(table, table.c.trial_id == trials.c.trial_id).add_columns(*values)
    values = [column for column in runs.c if column.name not in ("run_id", "study_id")]
    curves = sa.select(*values, tables.curves.c.curve).join(tables.curves, tables.curves.c.run_id == runs.c.run_id)
    queries["runs"] = curves.where(runs.c.study_id == study_id)
    return {name: sorted(map(repr, connection.execute(query))) for name, query in queries.items()}


@contextmanager
def _statements() -> Iterator[list[str]]:
    """The statements that any engine sends meanwhile."""
    sent: list[str] = []

    def note(connection: sa.Connection, cursor: object, statement: str, *_: object) -> None:
        sent.append(statement)

    sa.event.listen(sa.Engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", note)


@pytest.mark.parametrize("size", [1, 4, 7])
def test_how_entries_are_cut_into_batches_changes_no_row(
    size: int,
    storage: Storage,
    create_study: Callable[..., StudyRecord],
    connection: sa.Connection,
    entries: list[Entry],
) -> None:
    whole, cut = create_study(storage, "whole"), create_study(storage, "cut")
    storage.write(whole.study_id, entries)
    for first in range(0, len(entries), size):
        storage.write(cut.study_id, entries[first : first + size])
    rows = _rows(connection, whole.study_id)
    assert {name: len(found) for name, found in rows.items()} == {
        "trials": 5,
        "trial_params": 8,
        "trial_user_attributes": 8,
        "trial_values": 3,
        "trial_intermediate_values": 7,
        "runs": 4,
    }
    assert _rows(connection, cut.study_id) == rows
    assert storage.trials(cut.study_id) == storage.trials(whole.study_id)


def test_intermediate_values_are_those_of_the_last_entry(
    storage: Storage, study: StudyRecord, create_study: Callable[..., StudyRecord], entries: list[Entry]
) -> None:
    assert storage.intermediate_values(study.study_id) == {}
    other = create_study(storage, "other")
    storage.write(other.study_id, [Started(0, Configuration()), Progressed(0, {1: 0.125})])
    storage.write(study.study_id, entries[:7])
    assert repr(storage.intermediate_values(study.study_id)) == "{2: {1: 0.5, 2: nan}}"
    storage.write(study.study_id, entries[7:])
    assert repr(storage.intermediate_values(study.study_id)) == (
        "{0: {3: 0.5}, 2: {1: 0.5, 2: 0.75}, 3: {2: 0.5, 4: -inf}, 4: {1: 0.25, 2: nan}}"
    )


def _ended(number: int) -> Ended:
    return Ended(number, TrialState.COMPLETE, 0.5, intermediate={1: 0.5})


@pytest.mark.parametrize(
    ("batch", "refusal"),
    [
        ([Started(4, Configuration())], "expected 3 to be the next trial, received 4"),
        ([Started(3, Configuration()), Started(5, Configuration())], "expected 4 to be the next trial, received 5"),
        ([Started(1, Configuration())], "expected 3 to be the next trial, received 1"),
        ([_ended(0), _ended(0)], "expected trial 0 to be RUNNING, received COMPLETE"),
        ([_ended(0), Progressed(0, {1: 0.5})], "expected trial 0 to be RUNNING, received COMPLETE"),
        ([_ended(0), _ended(1)], "expected trial 1 to be RUNNING, received PRUNED"),
        ([_ended(0), Progressed(1, {1: 0.5})], "expected trial 1 to be RUNNING, received PRUNED"),
        ([_ended(0), _ended(7)], "expected trial 7 to exist, received that it does not"),
        ([_ended(0), Progressed(7, {1: 0.5})], "expected trial 7 to exist, received that it does not"),
        (
            [Started(3, Configuration()), Started(3, Configuration())],
            "expected trial 3 to start first and once, received a late start",
        ),
        ([_ended(3), Started(3, Configuration())], "expected trial 3 to start first and once, received a late start"),
    ],
)
def test_a_batch_that_is_refused_writes_nothing(
    batch: list[Entry], refusal: str, storage: Storage, study: StudyRecord, connection: sa.Connection
) -> None:
    storage.write(study.study_id, [Started(number, Configuration()) for number in range(3)])
    storage.write(study.study_id, [Progressed(2, {1: 0.25}), Ended(1, TrialState.PRUNED)])
    before = _rows(connection, study.study_id)
    connection.rollback()
    with pytest.raises(StorageError) as caught:
        storage.write(study.study_id, [Progressed(2, {1: 0.75}), *batch])
    assert str(caught.value) == (
        f"storage {storage.url_shown}: study {study.study_id}: {refusal}. "
        "Another program wrote to this study; only its coordinator may."
    )
    assert _rows(connection, study.study_id) == before


def test_a_batch_that_the_database_refuses_writes_nothing(
    storage: Storage, study: StudyRecord, make_result: MakeResult, connection: sa.Connection
) -> None:
    twice = [make_result(1, fold=1), make_result(1, fold=1)]
    batch = [Started(0, Configuration()), Started(1, Configuration()), Ended(1, TrialState.PRUNED, results=twice)]
    with pytest.raises(StorageError, match="expected the database to do its work"):
        storage.write(study.study_id, batch)
    assert all(rows == [] for rows in _rows(connection, study.study_id).values())


def test_an_empty_batch_asks_the_database_nothing(storage: Storage) -> None:
    with _statements() as sent:
        storage.write(99, [])
    assert sent == []


def test_twenty_trials_take_no_more_statements_than_one(
    storage: Storage, study: StudyRecord, make_result: MakeResult, parameters: tuple[Parameter, ...]
) -> None:
    def batches(numbers: Sequence[int]) -> Iterator[list[Entry]]:
        yield [Started(n, _CONFIGURATION, parameters) for n in numbers]
        yield [Progressed(n, {1: 0.5, 2: 0.25}) for n in numbers]
        yield [
            Ended(n, TrialState.COMPLETE, 0.5, results=[make_result(n)], intermediate={1: 0.5, 2: 0.5}) for n in numbers
        ]

    counts = []
    for numbers in (range(1), range(1, 21)):
        with _statements() as sent:
            for batch in batches(numbers):
                storage.write(study.study_id, batch)
        counts.append(len(sent))
    assert counts[0] == counts[1]
    assert storage.progress(study.study_id).counts == {TrialState.COMPLETE: 21}


def test_the_bytes_that_a_worker_sent_are_stored(
    storage: Storage, study: StudyRecord, connection: sa.Connection, make_result: MakeResult
) -> None:
    sent = [make_result(0, fold, curve=make_result(0).curve.until(fold + 1)) for fold in (1, 0)]
    received = [pickle.loads(pickle.dumps(result)) for result in sent]
    with pytest.MonkeyPatch.context() as patched:
        for function in ("compress", "decompress"):
            patched.setattr(f"search.records.curve.zlib.{function}", _never)
        storage.write(study.study_id, [Started(0, Configuration()), Ended(0, TrialState.PRUNED, results=received)])
    stored = connection.execute(
        sa.select(tables.runs.c.fold, tables.curves.c.curve).join(
            tables.curves, tables.curves.c.run_id == tables.runs.c.run_id
        )
    ).all()
    assert {fold: bytes(curve) for fold, curve in stored} == {r.run.fold: r.curve.to_bytes() for r in sent}


def _never(*_: object) -> None:
    raise AssertionError("expected no call")
