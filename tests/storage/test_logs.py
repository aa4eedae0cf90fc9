"""What errors of runs said in full: kept by the run, and of the latest ones alone."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import pytest

from search.records import Configuration, FailureCause, Purpose, Run, RunResult, StudyRecord, TrialState
from search.storage import Ended, Started, Storage
from search.storage import logs as logs_module

Make = Callable[..., RunResult]


def _fail(storage: Storage, study: StudyRecord, make_result: Make, number: int, log: str | None) -> None:
    results = [make_result(number, score=None, error="ValueError: no", log=log), make_result(number, fold=1)]
    ended = Ended(number, TrialState.FAIL, error="ValueError: no (fold 0, seed 0)", results=results)
    storage.write(study.study_id, [Started(number, Configuration()), ended])


def test_log_is_told_with_its_run(storage: Storage, study: StudyRecord, make_result: Make) -> None:
    _fail(storage, study, make_result, 0, "Traceback\n  ValueError: n\0o \ud800 \x1b[31m")
    _fail(storage, study, make_result, 1, None)
    again = Run(0, 2, 0, 7, Configuration(), purpose=Purpose.CONFIRMATION)
    storage.write_runs(study.study_id, [make_result(0, run=again, score=None, error="late", log="late, in full")])
    first, late, second = storage.logs(study.study_id)
    assert (first.trial, first.fold, first.purpose, first.error) == (0, 0, Purpose.SEARCH, "ValueError: no")
    assert (first.cause, first.worker, first.seed) == (FailureCause.RAISED, "host:42", 7)
    assert first.log == "Traceback\n  ValueError: n\N{REPLACEMENT CHARACTER}o ? \x1b[31m"
    assert first.at is not None
    assert abs(dt.datetime.now(dt.UTC).replace(tzinfo=None) - first.at) < dt.timedelta(minutes=5)
    assert (late.purpose, late.fold, late.log) == (Purpose.CONFIRMATION, 2, "late, in full")
    assert (second.trial, second.error, second.log, second.at) == (1, "ValueError: no", None, None)
    assert storage.logs(study.study_id, 1) == [second]


def test_oldest_logs_of_a_study_make_room(
    storage: Storage,
    create_study: Callable[..., StudyRecord],
    make_result: Make,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(logs_module, "MAX_LOGS", 3)
    study, other = create_study(storage), create_study(storage, "other")
    _fail(storage, other, make_result, 0, "another study's")
    for number in range(5):
        _fail(storage, study, make_result, number, f"log {number}")
    kept = storage.logs(study.study_id)
    assert [each.log for each in kept] == [None, None, "log 2", "log 3", "log 4"]
    assert {each.error for each in kept} == {"ValueError: no"}
    assert [each.log for each in storage.logs(other.study_id)] == ["another study's"]


def test_log_of_a_run_that_did_not_fail_is_refused(make_result: Make) -> None:
    with pytest.raises(ValueError, match="expected a log only with an error"):
        make_result(0, log="nothing")
