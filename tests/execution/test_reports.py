"""What items report while they run, and how they are withdrawn."""

import os
import sys
import time
from pathlib import Path

import cloudpickle
import pytest
from distributed import LocalCluster

from search.execution import Done, Reported, open_pool
from search.execution import pool as pool_module
from tests.execution.listening import listen, wait_until

# Workers cannot import this file: what it defines travels by value.
cloudpickle.register_pickle_by_value(sys.modules[__name__])


def count_up(shared, item, report):
    return [report((item["name"], number)) for number in range(shared)]


def test_reports_come_in_order_and_before_the_end():
    items = [{"name": name} for name in "abc"]
    with open_pool(count_up, 200, n_workers=2) as pool:
        for item in items:
            pool.submit(item)
        heard = listen(pool, len(items))
        assert pool.wait(0) == []
    assert len(heard) == 3 * 201
    for item in items:
        assert [one for one in heard if one.item is item] == [
            *(Reported(item, (item["name"], number)) for number in range(200)),
            Done(item, value=[True] * 200),
        ]


def die_after_a_report(folder, item, report):
    died = Path(folder) / "died"
    if not died.exists():
        died.touch()
        report("first")
        time.sleep(0.5)  # another thread of this process sends it
        os._exit(1)
    report("again")
    report("further")
    return "value"


def test_reports_say_that_an_item_started_anew(tmp_path):
    with open_pool(die_after_a_report, str(tmp_path), n_workers=1) as pool:
        pool.submit("item")
        assert listen(pool, 1) == [
            Reported("item", "first", attempt=1),
            Reported("item", "again", attempt=2),
            Reported("item", "further", attempt=2),
            Done("item", "value"),
        ]


def test_late_report_of_an_earlier_attempt_is_dropped(tmp_path):
    with open_pool(die_after_a_report, str(tmp_path), n_workers=1) as pool:
        pool.submit("item")
        (key,) = pool._open
        first = pool._understand(key, "attempt 1", 1, cloudpickle.dumps("one"))
        second = pool._understand(key, "attempt 2", 1, cloudpickle.dumps("two"))
        late = pool._understand(key, "attempt 1", 1, cloudpickle.dumps("late"))
    assert (first, second, late) == (Reported("item", "one", 1), Reported("item", "two", 2), None)


def report_until_withdrawn(folder, item, report):
    if item[0] == "next":
        return "next"
    (Path(folder) / item[0]).touch()
    n_reports = 1
    while report(n_reports):
        n_reports += 1
        time.sleep(0.01)
    return "ended early"


def test_withdrawn_items_end_early(tmp_path):
    running, queued, equal = ["running"], ["queued"], ["running"]
    with open_pool(report_until_withdrawn, str(tmp_path), n_workers=1) as pool:
        pool.submit(running)
        wait_until(lambda: pool.wait(0.5))
        pool.submit(queued)
        pool.withdraw(equal)
        pool.withdraw(queued)
        first_done = [one for one in listen(pool, 1) if isinstance(one, Done)]  # the other item reports all the while
        pool.withdraw(running)
        pool.withdraw(running)
        then = listen(pool, 1)
        pool.withdraw(running)
        pool.submit(["next"])
        last = listen(pool, 1)
    assert first_done == [Done(queued, withdrawn=True)]
    assert then == [Done(running, "ended early", withdrawn=True)]
    assert last == [Done(["next"], "next")]
    assert not (tmp_path / "queued").exists()


def sleep_on(folder, item, report):
    if item[0] == "next":
        return "next"
    report("begun")
    while not (Path(folder) / "test ended").exists():
        time.sleep(0.01)
    return None


def die_when_withdrawn(folder, item, report):
    if item[0] == "next":
        return "next"
    while report("begun"):
        time.sleep(0.01)
    os._exit(1)


@pytest.mark.parametrize("function", [sleep_on, die_when_withdrawn])
def test_withdrawn_item_that_does_not_end_is_not_waited_for(tmp_path, monkeypatch, function):
    monkeypatch.setattr(pool_module, "_WITHDRAWAL_SECONDS", 1.0)
    item = ["item"]
    with open_pool(function, str(tmp_path), n_workers=1) as pool:
        pool.submit(item)
        wait_until(lambda: pool.wait(0.5))
        pool.withdraw(item)
        assert listen(pool, 1) == [Done(item, withdrawn=True)]
        (tmp_path / "test ended").touch()
        pool.submit(["next"])
        assert listen(pool, 1) == [Done(["next"], "next")]


def tell_the_end(folder, item, report):
    while report("on"):
        time.sleep(0.01)
    (Path(folder) / "ended").touch()


def test_items_end_early_when_the_pool_closes(tmp_path):
    with LocalCluster(n_workers=1, processes=False, protocol="inproc://", dashboard_address=":0") as cluster:
        with open_pool(tell_the_end, str(tmp_path), n_workers=1, scheduler=cluster.scheduler_address) as pool:
            pool.submit("item")
            wait_until(lambda: pool.wait(0.5))
        wait_until((tmp_path / "ended").exists)
