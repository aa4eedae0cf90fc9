"""Databases that cannot be reached, read or written; nothing accepted is lost and no password is shown."""

from __future__ import annotations

import os
import re
import socket
import sqlite3
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from search.errors import StorageError
from search.records import Configuration, StudyRecord, TrialState
from search.storage import Ended, Started, open_storage

_NOBODY = 65534


@contextmanager
def _as_ordinary_user() -> Iterator[None]:
    """Root may do anything: give that up for a moment."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(_NOBODY)
    try:
        yield
    finally:
        os.seteuid(user)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user can reach; pytest's own are closed."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder
        folder.chmod(0o755)


def test_a_missing_file_is_an_error_and_stays_missing(tmp_path: Path) -> None:
    with pytest.raises(StorageError) as caught:
        open_storage(f"sqlite:///{tmp_path}/no.db")
    assert str(caught.value) == (
        f"storage sqlite:///{tmp_path}/no.db: expected the file {tmp_path}/no.db to exist, received none. "
        "Check the path; `regsearch run` creates the file."
    )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("create", [False, True])
def test_a_missing_folder_or_a_folder_is_refused(create: bool, tmp_path: Path) -> None:
    with pytest.raises(StorageError) as caught:
        open_storage(f"sqlite:///{tmp_path}/no/study.db", create=create)
    assert str(caught.value) == (
        f"storage sqlite:///{tmp_path}/no/study.db: expected the folder {tmp_path}/no to exist, received none. "
        "Create the folder, or name another."
    )
    with pytest.raises(StorageError) as caught:
        open_storage(f"sqlite:///{tmp_path}", create=create)
    assert str(caught.value) == (
        f"storage sqlite:///{tmp_path}: expected a file, received a folder. Name a file in it."
    )


@pytest.mark.parametrize("create", [False, True])
def test_a_file_that_is_no_database_is_refused_and_kept(create: bool, tmp_path: Path) -> None:
    path = tmp_path / "notes.db"
    path.write_text("Dear diary, " * 500)
    with pytest.raises(StorageError) as caught:
        open_storage(f"sqlite:///{path}", create=create)
    assert str(caught.value) == (
        f"storage sqlite:///{path}: expected the database to do its work, received: file is not a database. "
        "Name a SQLite file, or a new one."
    )
    assert path.read_text() == "Dear diary, " * 500


def test_a_database_that_may_only_be_read_is_read(open_folder: Path, create_study: Callable[..., StudyRecord]) -> None:
    url = f"sqlite:///{open_folder}/study.db"
    with open_storage(url, create=True) as storage:
        study = create_study(storage)
    (open_folder / "study.db").chmod(0o444)
    open_folder.chmod(0o555)
    with _as_ordinary_user():
        with pytest.raises(StorageError) as caught:
            open_storage(url)
        assert str(caught.value) == (
            f"storage {url}: expected the database to do its work, received: attempt to write a readonly "
            "database. Make the file and its folder writable."
        )
        # SQLite's own way to read a database with a write-ahead log where nothing may be written.
        with open_storage(f"sqlite:///file:{open_folder}/study.db?immutable=1&mode=ro&uri=true") as storage:
            assert storage.studies() == [study]
            with pytest.raises(StorageError) as caught:
                storage.request_stop("moons")
            assert str(caught.value).endswith(
                "expected the database to do its work, received: attempt to write a readonly database. "
                "Make the file and its folder writable."
            )


def test_creating_where_nothing_may_be_written_is_an_error(open_folder: Path) -> None:
    open_folder.chmod(0o555)
    with _as_ordinary_user(), pytest.raises(StorageError) as caught:
        open_storage(f"sqlite:///{open_folder}/study.db", create=True)
    assert str(caught.value) == (
        f"storage sqlite:///{open_folder}/study.db: expected to lock study.db.lock, received: Permission denied. "
        "Keep the database in a folder that may be written and whose file system has locks."
    )
    assert list(open_folder.iterdir()) == []


_FILL = """
import resource, sys
from pathlib import Path
from search.errors import StorageError
from search.records import Configuration, TrialState
from search.storage import Ended, Started, open_storage

with open_storage(sys.argv[1], create=True) as storage:
    study = storage.create_study("moons", "minimize", "mse", {}, "0" * 64, {}, 10)
    resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000))
    try:
        for number in range(10_000):
            storage.write(study.study_id, [Started(number, Configuration({"l2": number}))])
            storage.write(study.study_id, [Ended(number, TrialState.COMPLETE, 0.5)])
            print(number, flush=True)
    except StorageError as error:
        print(error)
"""


def test_a_full_disk_loses_nothing_that_was_accepted(sqlite_url: str, run_child: Callable[..., Any]) -> None:
    with run_child(_FILL, sqlite_url) as child:
        *numbers, error = child.communicate(timeout=60)[0].splitlines()
    assert re.fullmatch(
        f"storage {re.escape(sqlite_url)}: expected the database to do its work, received: "
        "(disk I/O error. Check the disk, then run again|database or disk is full. Free some space and run again)"
        ": what was accepted is kept.",
        error,
    )
    assert len(numbers) > 10
    with open_storage(sqlite_url) as storage:
        study = storage.study("moons")
        trials = storage.trials(study.study_id)
        complete = [trial.number for trial in trials if trial.state is TrialState.COMPLETE]
        assert complete == list(range(len(numbers)))
        assert len(trials) <= len(complete) + 1
        number = len(trials)
        storage.write(study.study_id, [Started(number, Configuration())])
    with closing(sqlite3.connect(sqlite_url.removeprefix("sqlite:///"))) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_a_file_that_vanishes_is_not_made_anew(
    tmp_path: Path, sqlite_url: str, create_study: Callable[..., StudyRecord]
) -> None:
    with open_storage(sqlite_url, create=True) as storage:
        create_study(storage)
        storage.close()  # the next transaction opens a new connection
        for path in tmp_path.glob("studies.db*"):
            path.unlink()
        with pytest.raises(StorageError, match="unable to open database file"):
            storage.studies()
        assert list(tmp_path.iterdir()) == []


def test_another_writer_is_waited_for_and_then_named(sqlite_url: str, create_study: Callable[..., StudyRecord]) -> None:
    with open_storage(sqlite_url, create=True) as storage:
        create_study(storage)
    with (
        closing(sqlite3.connect(sqlite_url.removeprefix("sqlite:///"), isolation_level=None)) as other,
        open_storage(f"{sqlite_url}?timeout=0.1") as storage,
    ):
        other.execute("BEGIN IMMEDIATE")
        assert [study.name for study in storage.studies()] == ["moons"]
        with pytest.raises(StorageError) as caught:
            storage.request_stop("moons")
        assert str(caught.value) == (
            f"storage {sqlite_url}?timeout=0.1: expected the database to do its work, received: database is locked. "
            "Another program keeps it; end that program, then try again."
        )


def _shown_nowhere(error: BaseException, secret: str) -> bool:
    text = "".join(traceback.format_exception(error)) + repr(error)
    return secret not in text


def test_a_wrong_password_is_an_error_that_does_not_show_it(postgresql: Any) -> None:
    postgresql.require_password("guarded", "right-secret")
    name = postgresql.new_database()
    with open_storage(postgresql.url(name, "guarded", "right-secret"), create=True) as storage:
        assert storage.studies() == []
        assert "secret" not in storage.url_shown + repr(storage)
    wrong = postgresql.url(name, "guarded", "wrong-secret")
    for create in (False, True):
        with pytest.raises(StorageError) as caught:
            open_storage(wrong, create=create)
        assert re.fullmatch(
            r"storage postgresql://guarded:\*\*\*@/\S+: expected the database to do its work, received: .*"
            r'password authentication failed for user "guarded"\. Check the user and the password\.',
            str(caught.value),
        )
        assert _shown_nowhere(caught.value, "wrong-secret")


def test_a_server_that_is_not_there_is_an_error_that_does_not_show_the_password() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # bound and not listening: whoever connects is refused
        url = f"postgresql://ann:my-secret@127.0.0.1:{unused.getsockname()[1]}/studies"
        for create in (False, True):
            with pytest.raises(StorageError) as caught:
                open_storage(url, create=create)
            message = str(caught.value)
            assert message.startswith(f"storage {url.replace('my-secret', '***')}: expected the database to do its")
            assert "Connection refused" in message
            assert message.endswith(
                "Check that the server runs and can be reached, then run again: what was accepted is kept."
            )
            assert _shown_nowhere(caught.value, "my-secret")


def test_a_host_and_a_database_that_do_not_exist_are_errors(postgresql: Any) -> None:
    with pytest.raises(StorageError, match=r"^storage postgresql://ann:\*\*\*@nowhere\.invalid/studies: "):
        open_storage("postgresql://ann:my-secret@nowhere.invalid/studies")
    with pytest.raises(StorageError) as caught:
        open_storage(postgresql.url("absent"), create=True)
    assert 'database "absent" does not exist. Create it on the server, or check its name.' in str(caught.value)


def test_a_server_lost_in_the_middle_is_an_error_and_may_come_back(
    postgresql: Any, create_study: Callable[..., StudyRecord]
) -> None:
    name = postgresql.new_database()
    with open_storage(postgresql.url(name), create=True) as storage:
        study = create_study(storage)
        storage.write(study.study_id, [Started(0, Configuration())])
        postgresql.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        postgresql.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")
        for _ in range(2):
            with pytest.raises(StorageError, match="is not currently accepting connections"):
                storage.write(study.study_id, [Ended(0, TrialState.COMPLETE, 0.5)])
        postgresql.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
        assert storage.trials(study.study_id)[0].state is TrialState.RUNNING
        storage.write(study.study_id, [Ended(0, TrialState.COMPLETE, 0.5)])
        assert storage.progress(study.study_id).best_score == 0.5


def test_importing_the_storage_imports_nothing_heavy() -> None:
    code = "import search.storage, sys; print(*{name.partition('.')[0] for name in sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    heavy = {"optuna", "alembic", "keras", "tensorflow", "numpy", "pandas", "psycopg", "filelock", "pydantic"}
    assert heavy & set(done.stdout.split()) == set()
