"""Work is done once for all who ask for it meanwhile, and so much of it at a time."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from search.dashboard.sharing import SharedWork, TooBusyError


class Gate:
    """Work that ends when it is let; it counts how often it is done, and how many at a time."""

    def __init__(self):
        self.opened, self.begun = threading.Event(), threading.Semaphore(0)
        self._lock, self.done, self.now, self.most = threading.Lock(), 0, 0, 0

    def __call__(self):
        with self._lock:
            self.now += 1
            self.most = max(self.most, self.now)
        self.begun.release()
        assert self.opened.wait(30)
        with self._lock:
            self.now -= 1
            self.done += 1
        return self.done


def wait_until(condition):
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.fixture
def threads():
    with ThreadPoolExecutor(30) as pool:
        yield pool


def test_those_who_ask_meanwhile_share_one_answer(threads):
    work, gate = SharedWork(), Gate()
    first = threads.submit(work.share, "page", gate)
    assert gate.begun.acquire(timeout=30)
    others = [threads.submit(work.share, "page", gate) for _ in range(24)]
    wait_until(lambda: work._n_askers == 25)
    gate.opened.set()
    assert [each.result(30) for each in (first, *others)] == [1] * 25


def test_answers_are_made_anew_for_those_who_ask_later():
    work, made = SharedWork(), iter("ab")
    assert [work.share("page", lambda: next(made)) for _ in range(2)] == ["a", "b"]


def test_so_many_are_made_at_a_time_and_beyond_those_that_wait_none_is_taken(threads):
    work, gate = SharedWork(at_once=2, waiting=3), Gate()
    asked = []
    for number in range(5):
        asked.append(threads.submit(work.share, number, gate))
        if number < 2:
            assert gate.begun.acquire(timeout=30)
    wait_until(lambda: len(work._open) == 5)
    with pytest.raises(TooBusyError):
        work.share("another", gate)
    gate.opened.set()
    assert sorted(each.result(30) for each in asked) == [1, 2, 3, 4, 5]
    assert gate.most == 2
    assert work.share("another", gate) == 6  # and then it is taken again


def test_so_many_may_ask(threads):
    work, gate = SharedWork(most_askers=1), Gate()
    asked = threads.submit(work.share, "page", gate)
    assert gate.begun.acquire(timeout=30)
    with pytest.raises(TooBusyError):
        work.share("page", gate)
    gate.opened.set()
    assert asked.result(30) == 1


def test_errors_reach_all_who_wait_and_are_not_kept():
    work = SharedWork()
    with pytest.raises(ZeroDivisionError):
        work.share("page", lambda: 1 // 0)
    assert work.share("page", lambda: 1) == 1
