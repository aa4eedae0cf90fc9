"""A worker that hangs or is stopped is replaced, and what it had goes on elsewhere."""

import os
import signal
import sys
import time
from pathlib import Path

import cloudpickle
import psutil
import pytest

from search.execution import Done, local, open_pool
from tests.execution.listening import gather, wait_until

# Workers cannot import this file: what it defines travels by value.
cloudpickle.register_pickle_by_value(sys.modules[__name__])


def work(folder, item, report):
    """Leaves a file for each begin; what hangs, or stops itself, does so the first time."""
    begun = Path(folder) / f"{item}-{os.getpid()}"
    begun.touch()
    if len(list(Path(folder).glob(f"{item}-*"))) == 1:
        if item == "hangs":
            time.sleep(600)
        if item == "stops":
            os.kill(os.getpid(), signal.SIGSTOP)
    return item.upper()


def processes_of(folder, item):
    return [psutil.Process(int(path.name.partition("-")[2])) for path in folder.glob(f"{item}-*")]


def test_item_that_hangs_is_abandoned_with_its_worker(tmp_path):
    with open_pool(work, str(tmp_path), n_workers=1) as pool:
        pool.submit("hangs")
        wait_until(lambda: pool.wait(0.05) == [] and len(pool.running()) == 1)
        (running,) = pool.running()
        assert running.item == "hangs"
        assert 0 <= running.silent_seconds <= running.seconds < 60
        (worker,) = processes_of(tmp_path, "hangs")
        pool.submit("next")
        pool.abandon("hangs")
        assert gather(pool, 1) == {"next": Done("next", "NEXT")}
        assert pool.running() == []
        wait_until(lambda: not worker.is_running())


@pytest.mark.slow
def test_worker_that_is_stopped_is_replaced_and_its_item_begins_anew(tmp_path, monkeypatch):
    monkeypatch.setattr(local, "SILENT_SECONDS", 2)
    with open_pool(work, str(tmp_path), n_workers=2) as pool:
        pool.submit("stops")
        assert gather(pool, 1) == {"stops": Done("stops", "STOPS")}
        assert len(list(tmp_path.glob("stops-*"))) == 2


def test_pool_with_a_stopped_worker_closes_at_once(tmp_path):
    began = time.monotonic()
    with open_pool(work, str(tmp_path), n_workers=2) as pool:
        pool.submit("stops")
        wait_until(lambda: pool.wait(0.05) == [] and bool(list(tmp_path.glob("stops-*"))))
        (worker,) = processes_of(tmp_path, "stops")
        wait_until(lambda: worker.status() == psutil.STATUS_STOPPED)
        began = time.monotonic()
    assert time.monotonic() - began < 25
    assert not worker.is_running() or worker.status() == psutil.STATUS_ZOMBIE


def test_threads_cannot_be_ended_and_none_is_said_to_hang(tmp_path):
    with open_pool(lambda held, item, report: time.sleep(0.3), None, n_workers=0) as pool:
        pool.submit("a")
        found = []
        wait_until(lambda: found.extend(pool.wait(0.05)) or pool.running() == [])
        assert pool.running() == []
