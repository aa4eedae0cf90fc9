"""One coordinator a study, on SQLite and on PostgreSQL."""

from __future__ import annotations

import datetime as dt
import os
import shutil
import signal
import socket
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from search.errors import LockLostError, PermanentStorageError, StudyLockedError, TransientStorageError
from search.records import Coordinator, StudyRecord
from search.storage import Storage, open_storage

_HOLD = """
import sys
from search.storage import open_storage
with open_storage(sys.argv[1]) as storage, storage.hold("moons"):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_the_holder_is_known_while_it_holds(storage: Storage) -> None:
    assert storage.holder("moons") is None
    with storage.hold("moons") as lock:
        lock.check()
        holder = storage.holder("moons")
        assert holder is not None
        assert (holder.host, holder.pid) == (socket.gethostname(), os.getpid())
        assert abs(holder.since - dt.datetime.now(dt.UTC).replace(tzinfo=None)) < dt.timedelta(minutes=1)
    assert storage.holder("moons") is None


def test_the_second_coordinator_is_told_who_is_first(storage_url: str, storage: Storage) -> None:
    with storage.hold("moons"), open_storage(storage_url) as other:
        holder = other.holder("moons")
        assert holder is not None
        with pytest.raises(StudyLockedError) as caught, other.hold("moons"):
            pass
        assert str(caught.value) == (
            f"storage {storage.url_shown}: expected study 'moons' to be free, received that process {holder.pid} "
            f"on {holder.host} since {holder.since:%Y-%m-%d %H:%M:%S} UTC coordinates it. "
            "Wait for its end, or ask it to stop: regsearch stop moons."
        )
        assert storage.holder("moons") == holder
    with storage.hold("moons"):
        pass


def test_an_error_inside_frees_the_study(storage: Storage) -> None:
    with pytest.raises(RuntimeError, match="boom"), storage.hold("moons"):
        raise RuntimeError("boom")
    assert storage.holder("moons") is None
    with storage.hold("moons") as lock:
        lock.check()
    with pytest.raises(LockLostError, match="expected to hold the study's lock still, received no lock"):
        lock.check()


@pytest.mark.parametrize("names", [("moons", "digits"), ("a/b", "a b"), ("é" * 300, "é" * 301)])
def test_locks_of_two_names_are_independent(names: tuple[str, str], storage: Storage) -> None:
    with storage.hold(names[0]), storage.hold(names[1]):
        assert storage.holder(names[0]) is not None
        assert storage.holder(names[1]) is not None


def test_a_killed_coordinator_frees_its_study_at_once(
    storage_url: str, storage: Storage, run_child: Callable[..., Any]
) -> None:
    with run_child(_HOLD, storage_url) as child:
        assert child.stdout.readline() == "held\n"
        holder = storage.holder("moons")
        assert isinstance(holder, Coordinator)
        assert holder.pid == child.pid
        with pytest.raises(StudyLockedError, match=f"process {child.pid} on"), storage.hold("moons"):
            pass
        child.send_signal(signal.SIGKILL)
        child.wait()
        with storage.hold("moons") as lock:
            lock.check()


def test_the_name_of_a_dead_coordinator_does_not_count(
    storage_url: str, storage: Storage, run_child: Callable[..., Any]
) -> None:
    with run_child(_HOLD, storage_url) as child:
        child.stdout.readline()
        believed = storage.holder("moons")
        child.kill()
        child.wait()
    with storage.hold("other"):  # what a server needs to see the death is over
        pass
    assert storage.holder("moons") is None
    assert storage.holder("moons", believed) == believed is not None
    assert storage.holder("other", believed) is None


def test_looking_at_the_lock_does_not_turn_a_coordinator_away(
    storage_url: str, storage: Storage, run_child: Callable[..., Any]
) -> None:
    with run_child(_HOLD, storage_url) as child:
        child.stdout.readline()
        child.kill()
        child.wait()
    look = "import sys; from search.storage import open_storage\nwith open_storage(sys.argv[1]) as s:\n print()\n"
    look += " sys.stdout.flush()\n while True: s.holder('moons')"
    with run_child(look, storage_url) as watcher:
        watcher.stdout.readline()
        for _ in range(20):
            with storage.hold("moons"):
                pass


def test_paths_to_one_file_share_the_lock(tmp_path: Path, sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "link.db").symlink_to(tmp_path / "studies.db")
    monkeypatch.chdir(tmp_path)
    with open_storage(sqlite_url, create=True) as storage, storage.hold("moons"):
        for url in ("sqlite:///studies.db", "sqlite:///link.db", "sqlite:///file:studies.db?uri=true"):
            with open_storage(url) as other, pytest.raises(StudyLockedError), other.hold("moons"):
                pass


def test_a_removed_lock_file_or_a_replaced_database_is_noticed(tmp_path: Path, sqlite_url: str) -> None:
    with open_storage(sqlite_url, create=True) as storage:
        with storage.hold("moons") as lock:
            (tmp_path / "studies.db.moons.lock").unlink()
            with pytest.raises(LockLostError) as caught:
                lock.check()
        assert str(caught.value) == (
            f"storage {sqlite_url}: expected to hold the study's lock still, received that studies.db.moons.lock "
            "was removed or replaced. Another coordinator may hold the study now; run again to continue."
        )
        with storage.hold("moons") as lock:
            shutil.copy(tmp_path / "studies.db", tmp_path / "copy.db")
            (tmp_path / "copy.db").replace(tmp_path / "studies.db")
            with pytest.raises(LockLostError, match=r"received that studies\.db was removed or replaced"):
                lock.check()


def test_a_lost_session_is_taken_again(postgresql_url: str, study_in_postgresql: StudyRecord) -> None:
    with open_storage(postgresql_url) as storage, open_storage(postgresql_url) as other:
        with storage.hold("moons") as lock:
            lock.check()
            _end_sessions(postgresql_url)
            lock.check()
            with pytest.raises(StudyLockedError), other.hold("moons"):
                pass
            _end_sessions(postgresql_url)
            with pytest.raises(TransientStorageError):  # of the session that is gone
                storage.set_n_trials(study_in_postgresql.study_id, 20)
            storage.set_n_trials(study_in_postgresql.study_id, 20)
        assert storage.holder("moons") is None
        assert storage.studies() == [replace(study_in_postgresql, n_trials=20)]


@pytest.mark.parametrize("is_held", [True, False])
def test_nothing_is_written_once_another_process_had_the_study(
    postgresql_url: str, study_in_postgresql: StudyRecord, *, is_held: bool
) -> None:
    with open_storage(postgresql_url) as storage, open_storage(postgresql_url) as other, ExitStack() as stack:
        lock = stack.enter_context(storage.hold("moons"))
        _end_sessions(postgresql_url)
        quick = stack.enter_context(ExitStack())
        quick.enter_context(other.hold("moons"))
        if not is_held:
            quick.close()
        with pytest.raises(TransientStorageError):  # of the session that is gone
            storage.set_n_trials(study_in_postgresql.study_id, 20)
        for _ in range(2):
            with pytest.raises(LockLostError, match="received that another process ha"):
                storage.set_n_trials(study_in_postgresql.study_id, 20)
            with pytest.raises(LockLostError, match="expected to hold the study's lock still"):
                lock.check()
        assert other.studies() == [study_in_postgresql]


def test_an_unwritable_folder_cannot_be_locked(tmp_path: Path, sqlite_url: str) -> None:
    with open_storage(sqlite_url, create=True) as storage:
        (tmp_path / "studies.db.moons.lock").mkdir()
        with pytest.raises(PermanentStorageError) as caught, storage.hold("moons"):
            pass
        assert str(caught.value) == (
            f"storage {sqlite_url}: expected to lock studies.db.moons.lock, received: Is a directory. "
            "Keep the database in a folder that may be written and whose file system has locks."
        )


@pytest.fixture
def study_in_postgresql(postgresql_url: str, create_study: Callable[..., StudyRecord]) -> StudyRecord:
    with open_storage(postgresql_url, create=True) as storage:
        return create_study(storage)


def _end_sessions(url: str) -> None:
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.connect() as connection:
        connection.execute(
            sa.text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        )
