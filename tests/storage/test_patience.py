"""A database that goes away is waited for, as long as there is patience; what may be done is not done twice."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from search.errors import PermanentStorageError, TransientStorageError
from search.records import StudyRecord
from search.storage import Patience, Storage, patience


class Clock:
    """Seconds that pass while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0
        self.pauses: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(patience, "time", made)
    return made


def away(may_be_done: bool = False) -> TransientStorageError:
    error = TransientStorageError("storage x: away")
    error.reason, error.may_be_done = "Connection refused", may_be_done
    return error


def failing(clock: Clock, until: float, error: Exception) -> Callable[[], str]:
    def call() -> str:
        if clock.now < until:
            raise error
        return "done"

    return call


def test_call_is_made_again_until_the_database_is_back(clock: Clock) -> None:
    told: list[str] = []
    waiting = Patience(100.0, told.append)
    assert waiting.wait_out(failing(clock, 40.0, away())) == "done"
    assert told == [
        "The database does not answer (Connection refused). Training goes on, and results wait until it is back, "
        "for 100 s at most.",
        f"The database is back, after {clock.now:.3g} s.",
    ]
    assert clock.pauses[0] == 0.25
    assert clock.pauses == sorted(clock.pauses)
    assert max(clock.pauses) == 5.0
    assert 40.0 <= clock.now <= 45.0
    assert not waiting.is_tried


@pytest.mark.parametrize("seconds", [0.0, 1.0, 7000.0])
def test_patience_ends_with_the_last_error(clock: Clock, seconds: float) -> None:
    told: list[str] = []
    with pytest.raises(TransientStorageError, match="away"):
        Patience(seconds, told.append).wait_out(failing(clock, 1e9, away()))
    assert clock.now == pytest.approx(seconds)
    assert len(told) == {0.0: 0, 1.0: 1, 7000.0: 1 + 11}[seconds]  # every ten minutes a word


def test_what_fails_for_good_is_raised_at_once(clock: Clock) -> None:
    with pytest.raises(PermanentStorageError):
        Patience(100.0).wait_out(failing(clock, 1e9, PermanentStorageError("no")))
    assert clock.pauses == []


@pytest.mark.parametrize("may_be_done", [True, False])
def test_call_that_may_be_done_is_not_made_again_where_that_does_harm(clock: Clock, may_be_done: bool) -> None:
    waiting, call = Patience(100.0), failing(clock, 1.0, away(may_be_done))
    assert waiting.wait_out(call) == "done"
    clock.now = 0.0
    if may_be_done:
        with pytest.raises(TransientStorageError):
            waiting.wait_out(call, again_when_unsure=False)
    else:
        assert waiting.wait_out(call, again_when_unsure=False) == "done"


def test_storage_waits_while_a_study_is_held_with_patience(
    storage: Storage, study: StudyRecord, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    n_failures = 0

    def failing_now(*arguments: Any) -> Any:
        nonlocal n_failures
        if n_failures:
            n_failures -= 1
            raise away()
        return real(*arguments)

    real = Storage._reading
    monkeypatch.setattr(Storage, "_reading", failing_now)
    with storage.hold(study.name, Patience(100.0)):
        n_failures = 3
        assert storage.stop_requested(study.study_id) is False
        assert len(clock.pauses) == 3
        n_failures = 1
        with storage.at_once(), pytest.raises(TransientStorageError):
            storage.stop_requested(study.study_id)
    assert storage.patience is None
    n_failures = 1
    with pytest.raises(TransientStorageError):
        storage.stop_requested(study.study_id)


def test_every_public_method_of_a_storage_waits_or_says_that_it_does_not(storage: Storage) -> None:
    methods = {name for name, member in vars(Storage).items() if callable(member) and not name.startswith("_")}
    waiting = {name for name in methods if hasattr(vars(Storage)[name], "__wrapped__")}
    assert methods - waiting == {"close", "spool"}  # `hold` and `at_once` are contexts
    assert {"write", "trials", "remember", "keep_verdict"} <= waiting
