"""Whatever ends a session, no accepted result is lost, nothing is stuck, and the study is the unbroken one."""

import contextlib
import os
import signal
import time

import psutil

from search.errors import StorageError, UnknownStudyError
from search.storage import open_storage
from tests.faults.databases import SqliteDatabase
from tests.faults.launched import ended, outcome, read, regsearch

TOO_MANY = ("--n-trials", "3000")
"""So many trials that no session comes to the end of the study by itself."""


def test_study_goes_on_whatever_ended_its_sessions(launch, tmp_path, unbroken):
    """Each session finds what the one before it left, and trains at least one trial before it ends."""
    ways = (killed, interrupted, terminated_while_the_database_is_locked, out_of_time, hung_up_on_stopped_workers)
    for end in ways:
        accepted = ended(tmp_path)
        end(launch, tmp_path, len(accepted))
        assert [trial for trial in ended(tmp_path) if trial["trial"] in numbers(accepted)] == accepted
    drained(launch, tmp_path, max(len(unbroken), 1 + len(ended(tmp_path))))
    assert outcome(tmp_path)[: len(unbroken)] == unbroken


def numbers(trials):
    return {trial["trial"] for trial in trials}


def killed(launch, folder, n_before):
    session = launch(*TOO_MANY, "--n-jobs", "1")
    session.wait_until_ended(n_before + 3)
    workers = session.workers()
    session.kill()
    status = read(folder, "status", "hurt")
    assert status["state"] == "interrupted"
    assert status["interrupted"]
    psutil.wait_procs(workers, timeout=30)
    assert not [worker for worker in workers if worker.is_running()], "workers outlived their coordinator"


def interrupted(launch, folder, n_before):
    session = launch(*TOO_MANY, "--n-jobs", "1")
    session.wait_until_ended(n_before + 1)
    os.kill(session.process.pid, signal.SIGINT)
    assert session.wait(60) == 130
    assert "Traceback" not in session.said()


def terminated_while_the_database_is_locked(launch, folder, n_before):
    session = launch(*TOO_MANY, "--n-jobs", "1")
    session.wait_until_ended(n_before + 1)
    is_refused(launch, folder, session)
    database = SqliteDatabase(folder / "regsearch.db")
    database.go_away()
    session.wait_until_kept()
    os.kill(session.process.pid, signal.SIGTERM)
    assert session.wait(30) == 143
    database.come_back()
    assert "The database does not answer (database is locked)." in session.said()
    assert "Traceback" not in session.said()


def is_refused(launch, folder, session):
    """A second run of the study is, while the first one runs."""
    second = launch(*TOO_MANY)
    assert second.wait(60) == 3
    assert f"process {session.process.pid}" in second.said()
    assert read(folder, "status", "hurt")["state"] == "running"


def out_of_time(launch, folder, n_before):
    session = launch(*TOO_MANY, "--n-jobs", "1", "--timeout", "1")
    assert session.wait(60) == 0
    status, said = read(folder, "status", "hurt"), session.said()
    assert status["state"] == "interrupted"
    n_withdrawn = len(status["interrupted"])
    assert n_withdrawn > 0
    assert "The timeout of 1 s is spent: no more trials are asked; " in said, said
    assert f"Time is up: {n_withdrawn} trial" in said
    assert "Traceback" not in said


def hung_up_on_stopped_workers(launch, folder, n_before):
    session = launch(*TOO_MANY, "--n-jobs", "2")
    session.wait_until_ended(n_before + 1)
    workers = session.workers()
    for worker in workers:
        worker.suspend()
    os.kill(session.process.pid, signal.SIGHUP)
    assert session.wait(30) == 129
    assert not [worker for worker in workers if worker.is_running()]


def drained(launch, folder, n_trials):
    session = launch(*TOO_MANY, "--n-jobs", "1")
    session.wait_until_ended(n_trials)
    assert regsearch(folder, "stop", "hurt").exit_code == 0
    assert session.wait(60) == 0
    found = outcome(folder)
    assert n_trials <= len(found) < 3000
    assert all(state in ("COMPLETE", "PRUNED") for _, state, _, _ in found)
    assert read(folder, "status", "hurt")["state"] == "stopped"


def test_session_that_is_killed_while_its_server_is_away_loses_nothing(launch, tmp_path, unbroken, server):
    url = server.url(server.new_database())
    first = launch(*TOO_MANY, "--n-jobs", "1", storage=url)
    wait_until_any_ended(url)
    server.crash()
    first.wait_until_kept()
    first.kill()
    server.start()
    second = launch("--n-trials", str(len(unbroken)), "--n-jobs", "1", storage=url)
    assert second.wait() == 0
    assert trials(url)[: len(unbroken)] == unbroken
    assert "that ended while the database was away were taken from regsearch.hurt." in second.said()
    assert not list(tmp_path.glob("*.spool"))


def trials(url):
    """What a database holds; empty while it cannot be asked."""
    with contextlib.suppress(StorageError, UnknownStudyError), open_storage(url, patience_seconds=1) as storage:
        found = storage.trials(storage.study("hurt").study_id)
        return [(each.number, each.state.name, each.score, dict(each.configuration)) for each in found]
    return []


def wait_until_any_ended(url, timeout_seconds=120):
    deadline = time.monotonic() + timeout_seconds
    while all(state == "RUNNING" for _, state, _, _ in trials(url)):
        assert time.monotonic() < deadline
        time.sleep(0.05)
