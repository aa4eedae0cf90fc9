"""The database goes away under a study of real runs; the study is the same, and a signal ends it all the same."""

import contextlib
import os
import signal
import sqlite3
import time

import pytest

from search.errors import StorageError, UnknownStudyError
from search.storage import open_storage
from tests.faults.databases import crashable_server


@pytest.fixture
def server():
    with crashable_server() as made:
        yield made


def trials(url):
    """What a database holds; empty while it cannot be asked."""
    with contextlib.suppress(StorageError, UnknownStudyError), open_storage(url, patience_seconds=1) as storage:
        found = storage.trials(storage.study("hurt").study_id)
        return [(each.number, each.state.name, each.score, dict(each.configuration)) for each in found]
    return []


def wait_until_ended(url, n_trials, timeout_seconds=120):
    deadline = time.monotonic() + timeout_seconds
    while sum(state != "RUNNING" for _, state, _, _ in trials(url)) < n_trials:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def wait_until_kept(folder, timeout_seconds=60):
    """Wait until a trial that ended is on the disk, and not in the database."""
    deadline = time.monotonic() + timeout_seconds
    while not any(b'"ended"' in path.read_bytes() for path in folder.glob("*.spool")):
        assert time.monotonic() < deadline
        time.sleep(0.05)


@contextlib.contextmanager
def locked(path):
    """Another program that writes and does not come to an end."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None, timeout=30)) as other:
        other.execute("BEGIN EXCLUSIVE")
        yield


def test_session_that_is_killed_while_its_server_is_away_loses_nothing(launch, look, tmp_path, unbroken, server):
    url = server.url(server.new_database())
    launched = launch("--n-trials", "80", "--n-jobs", "1", storage=url)  # long enough not to end by itself meanwhile
    wait_until_ended(url, 2)
    server.crash()
    wait_until_kept(tmp_path)
    launched.kill()
    server.start()
    assert launch("--n-jobs", "1", storage=url).wait() == 0
    assert trials(url)[:14] == unbroken
    assert (
        "that ended while the database was away were taken from regsearch.hurt."
        in (tmp_path / "stderr.txt").read_text()
    )
    assert not list(tmp_path.glob("*.spool"))


def test_signal_ends_a_session_whose_database_is_locked_and_nothing_is_lost(launch, look, tmp_path, unbroken):
    launched = launch("--n-trials", "80", "--n-jobs", "1")
    launched.wait_until_ended(2)
    with locked(tmp_path / "regsearch.db"):
        wait_until_kept(tmp_path)
        os.kill(launched.process.pid, signal.SIGTERM)
        assert launched.wait(30) == 143
    assert launch("--n-jobs", "1").wait() == 0
    assert look.outcome(tmp_path)[:14] == unbroken
    said = (tmp_path / "stderr.txt").read_text()
    assert "The database does not answer (database is locked)." in said
    assert "Traceback" not in said


def test_stopped_worker_does_not_keep_a_session_from_ending(launch, look, tmp_path, unbroken):
    launched = launch("--n-trials", "80", "--n-jobs", "2")
    launched.wait_until_ended(1)
    for worker in launched.workers():
        worker.suspend()
    os.kill(launched.process.pid, signal.SIGHUP)
    workers = launched.workers()
    assert launched.wait(30) == 129
    assert not [worker for worker in workers if worker.is_running()]
    assert launch("--n-jobs", "2").wait() == 0
    assert look.outcome(tmp_path)[:14] == unbroken
