"""The history checker finds each kind of violation in databases that were doctored so."""

import datetime as dt
import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace

import pytest

from search.records import (
    Configuration,
    Coordinator,
    Parameter,
    Purpose,
    RowCounts,
    Run,
    RunResult,
    StudyFacts,
    TrialState,
)
from search.storage import Ended, Started, open_storage
from tests.faults.history import History, differences, read_snapshot

UNIT = '{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.0, "high": 1.0, "log": false}}'
NOON = dt.datetime(2026, 1, 1, 12)
N_TRIALS = 4


def second(number):
    return NOON + dt.timedelta(seconds=number)


def result(trial, fold=0, purpose=Purpose.SEARCH):
    run = Run(trial, fold, 0, seed=7, configuration=Configuration({"l2": 0.1}), purpose=purpose)
    return RunResult(run, score=0.2 + trial / 10, worker=f"here:{100 + trial}")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A study of four trials, the last of them RUNNING: trial n was asked in second 10 n, and told 5 later."""
    path = tmp_path_factory.mktemp("made") / "made.db"
    facts = StudyFacts("binary", classes=("0", "1"), input_shape=(2,), rows=RowCounts(40, 10, 25, 25))
    with open_storage(f"sqlite:///{path}", create=True) as storage:
        study = storage.create_study("hurt", "minimize", "log_loss", {"study": {}}, "ab" * 32, facts, N_TRIALS)
        for trial in range(N_TRIALS):
            parameter = Parameter("l2", 0.1 * trial, UNIT)
            started = Started(trial, Configuration({"l2": 0.1 * trial}), (parameter,), at=second(10 * trial))
            results = [result(trial, fold) for fold in range(2)]
            ended = Ended(trial, TrialState.COMPLETE, 0.2 + trial / 10, results=results, at=second(10 * trial + 5))
            storage.write(study.study_id, [started] if trial == N_TRIALS - 1 else [started, ended])
        storage.write_runs(study.study_id, [result(0, purpose=Purpose.CONFIRMATION)])
        storage.keep_verdict(study.study_id, {"answer": "no gain"}, N_TRIALS - 1)
    return path


@pytest.fixture
def path(made, tmp_path):
    """A copy that may be doctored."""
    return shutil.copy(made, tmp_path / "copy.db")


@pytest.fixture
def history():
    """One session had the study, and nobody saw it do wrong."""
    told = History(N_TRIALS)
    told.begin(1000, second(0))
    told.end(second(100))
    return told


def look(path):
    with open_storage(f"sqlite:///{path}") as storage:
        return read_snapshot(storage, "hurt", whole=True)


def doctor(path, *statements):
    with closing(sqlite3.connect(path)) as connection, connection:
        for statement in statements:
            connection.execute(statement)


def finish(path):
    """End the trial that is left."""
    last = N_TRIALS - 1
    results = [result(last, fold) for fold in range(2)]
    with open_storage(f"sqlite:///{path}") as storage:
        ended = Ended(last, TrialState.COMPLETE, 0.5, results=results, at=second(90))
        storage.write(storage.study("hurt").study_id, [ended])


def without_constraints(path, table, *further):
    """Statements that make a table anew without keys, conditions and triggers, so that it takes rows twice."""
    with closing(sqlite3.connect(path)) as connection:
        triggers = connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall()
    return (
        *(f"DROP TRIGGER IF EXISTS {name}" for (name,) in triggers),
        f"CREATE TABLE copied AS SELECT * FROM {table}",
        f"DROP TABLE {table}",
        f"ALTER TABLE copied RENAME TO {table}",
        *further,
    )


def test_study_that_goes_on_as_it_should_has_no_violations(path, history):
    history.see(look(path))
    finish(path)
    history.see_end(look(path), undisturbed=look(path))
    assert history.violations == []
    assert history.n_looks == 2


ONE, LAST = (f"trial_id = (SELECT trial_id FROM trials WHERE number = {number})" for number in (1, N_TRIALS - 1))
LOST = {
    "a score": (
        (f"UPDATE trial_values SET value = 0.9 WHERE {ONE}",),
        "trial 1: score = 0.30000000000000004 was acknowledged, received 0.9",
    ),
    "a state": (
        ("UPDATE trials SET state = 'FAIL' WHERE number = 1",),
        "trial 1: state = COMPLETE was acknowledged, received FAIL",
    ),
    "an end": (
        ("UPDATE trials SET state = 'RUNNING', datetime_complete = NULL WHERE number = 1",),
        "trial 1: state = COMPLETE was acknowledged, received none",
    ),
    "a second end": (
        ("UPDATE trials SET datetime_complete = '2026-01-01 12:00:20.000000' WHERE number = 1",),
        "trial 1: completed = 2026-01-01 12:00:15 was acknowledged, received 2026-01-01 12:00:20",
    ),
    "a parameter": (
        (f"UPDATE trial_params SET param_value = 0.7 WHERE {ONE}",),
        "trial 1: parameters = [('l2', 0.1)] was acknowledged, received [('l2', 0.7)]",
    ),
    "what a trial that runs was asked with": (
        (f"UPDATE trial_user_attributes SET value_json = '{{\"l2\": 9.0}}' WHERE {LAST} AND key = 'configuration'",),
        "trial 3: configuration = {'l2': 0.30000000000000004} was acknowledged, received {'l2': 9.0}",
    ),
    "a trial": (
        ("DELETE FROM trials WHERE number = 3",),
        "trial 3 was acknowledged, and is gone",
    ),
    "a run": (
        ("DELETE FROM regsearch_runs WHERE trial_number = 2 AND fold = 1",),
        "run of trial 2 (search, fold 1, repeat 0) was acknowledged, and is gone",
    ),
    "a run's score": (
        ("UPDATE regsearch_runs SET score = 0.9 WHERE trial_number = 2 AND fold = 1",),
        "run of trial 2 (search, fold 1, repeat 0): score = 0.4 was acknowledged, received 0.9",
    ),
    "a run of the confirmation": (
        ("DELETE FROM regsearch_runs WHERE purpose = 'confirmation'",),
        "run of trial 0 (confirmation, fold 0, repeat 0) was acknowledged, and is gone",
    ),
    "the verdict": (
        ("DELETE FROM regsearch_verdicts",),
        "the verdict was acknowledged, and is gone",
    ),
}


@pytest.mark.parametrize("what", LOST)
def test_what_was_acknowledged_and_is_lost_is_found(what, path, history):
    history.see(look(path))
    statements, violation = LOST[what]
    doctor(path, *statements)
    history.see(look(path))
    assert violation in history.violations
    n_found = len(history.violations)
    history.see(look(path))
    assert len(history.violations) == n_found, "expected each violation to be told once"


def test_what_is_stored_twice_is_found(path, history):
    for table, rows in (("trials", "number = 1"), ("regsearch_runs", "fold = 1")):
        doctor(path, *without_constraints(path, table, f"INSERT INTO {table} SELECT * FROM {table} WHERE {rows}"))
    history.see(look(path))
    assert "trial 1 is stored 2 times" in history.violations
    assert "run of trial 2 (search, fold 1, repeat 0) is stored 2 times" in history.violations


def test_gap_in_the_numbers_is_found(path, history):
    doctor(path, "DELETE FROM trials WHERE number = 1")
    history.see(look(path))
    assert history.violations == ["trial 1 is missing, and later ones are there"]


def test_more_trials_than_asked_for_are_found_at_once(path):
    history = History(N_TRIALS - 1)
    history.see(look(path))
    assert history.violations == ["expected 3 trials at most, received 4"]


def test_study_that_ends_too_early_is_found(path):
    history = History(N_TRIALS + 1)
    history.begin(1000, second(0))
    history.see_end(look(path))
    assert history.violations == ["expected 5 trials at the end, received 4", "trial 3 is RUNNING at the end"]


def test_study_that_is_another_one_than_undisturbed_is_found(path, history):
    finish(path)
    undisturbed = look(path)
    doctor(
        path,
        "UPDATE regsearch_runs SET epochs_trained = 9 WHERE trial_number = 2 AND fold = 1",
        "UPDATE regsearch_runs SET worker = 'there:1', seconds = 9 WHERE trial_number = 2 AND fold = 0",
        "UPDATE trials SET state = 'PRUNED', datetime_complete = '2026-01-01 12:00:09' WHERE number = 0",
        'UPDATE regsearch_verdicts SET verdict = \'{"answer": "helps"}\'',
        "INSERT INTO trial_intermediate_values (trial_id, step, intermediate_value, intermediate_value_type)"
        " SELECT trial_id, 1, 0.5, 'FINITE' FROM trials WHERE number = 1",
    )
    history.see_end(look(path), undisturbed)
    assert history.violations == [
        "what trial 1 reported is there, and was not when nothing happened",
        "trial 0: expected state = COMPLETE as when nothing happened, received PRUNED",
        "trial 0: expected score = 0.2 as when nothing happened, received None",
        "run of trial 2 (search, fold 1, repeat 0): expected epochs_trained = 0 as when nothing happened, received 9",
        "the verdict: expected verdict = {'answer': 'no gain'} as when nothing happened, received {'answer': 'helps'}",
    ]
    doctor(path, "DELETE FROM regsearch_runs WHERE trial_number = 2 AND fold = 1")
    missing = "run of trial 2 (search, fold 1, repeat 0) is missing, which was there when nothing happened"
    assert missing in differences(undisturbed, look(path))


def test_trial_that_was_told_when_nobody_held_the_study_is_found(path):
    finish(path)
    history = History(N_TRIALS)
    history.begin(1000, second(0))
    history.end(second(12))
    history.begin(1001, second(18))
    history.see_end(look(path))
    assert history.violations == ["trial 1 was told at 2026-01-01 12:00:15, when nobody held the study"]


def test_trial_that_was_asked_before_its_session_had_the_study_is_found(path):
    finish(path)
    history = History(N_TRIALS)
    history.begin(1000, second(0))
    history.see(replace(look(path), holder=Coordinator("here", 1000, second(8))))
    history.see_end(look(path))
    assert history.violations == [
        "trial 0 was asked at 2026-01-01 12:00:00, when nobody held the study",
        "trial 0 was told at 2026-01-01 12:00:05, when nobody held the study",
    ]


def test_worker_that_trained_for_a_dead_session_is_found(path):
    finish(path)
    doctor(path, "UPDATE regsearch_runs SET worker = 'here:100' WHERE trial_number = 1")
    history = History(N_TRIALS)
    history.begin(1000, second(0))
    history.end(second(8))
    history.begin(1001, second(9))
    history.see_end(look(path))
    assert history.violations == ["worker here:100 trained for sessions 0 and 1, one of which was dead"]


def held(path, pid, since):
    return replace(look(path), holder=Coordinator("here", pid, second(since)))


def test_holder_that_took_the_study_while_another_lived_is_found(path, history):
    history.begin(1001, second(101))
    history.see(held(path, 1001, 99))
    assert history.violations == [
        "process 1001 took the study at 2026-01-01 12:01:39, while process 1000 lived until 2026-01-01 12:01:40"
    ]


def test_name_of_the_dead_stands_until_the_next_has_signed_and_not_longer(path, history):
    history.begin(1001, second(101))
    history.see(held(path, 1000, 1))
    history.see(held(path, 1001, 102))
    assert history.violations == []
    history.see(held(path, 1000, 1))
    history.see(held(path, 77, 103))
    assert history.violations == [
        "process 1000 holds the study, which was not its turn",
        "process 77 holds the study, which was not its turn",
    ]


def test_second_holder_that_is_let_in_is_found(history):
    history.see_attempt(1000, refused=True)
    assert history.violations == []
    history.see_attempt(1000, refused=False)
    assert history.violations == ["process 1000 held the study, and a second one was given it"]
