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
import sqlalchemy as sa

from search.errors import PermanentStorageError, StorageError, TransientStorageError
from search.records import Configuration, StudyRecord, TrialState
from search.storage import Ended, Started, open_storage
from search.storage.address import parse_address
from search.storage.engine import make_engine, translated

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
    with pytest.raises(PermanentStorageError) as caught:
        open_storage(f"sqlite:///{tmp_path}/no.db")
    assert str(caught.value) == (
        f"storage sqlite:///{tmp_path}/no.db: expected the file {tmp_path}/no.db to exist, received none. "
        "No studies yet? `regsearch run moons` creates it; otherwise check the path."
    )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("create", [False, True])
def test_a_missing_folder_or_a_folder_is_refused(create: bool, tmp_path: Path) -> None:
    with pytest.raises(PermanentStorageError) as caught:
        open_storage(f"sqlite:///{tmp_path}/no/study.db", create=create)
    assert str(caught.value) == (
        f"storage sqlite:///{tmp_path}/no/study.db: expected the folder {tmp_path}/no to exist, received none. "
        "Create the folder, or name another."
    )
    with pytest.raises(PermanentStorageError) as caught:
        open_storage(f"sqlite:///{tmp_path}", create=create)
    assert str(caught.value) == (
        f"storage sqlite:///{tmp_path}: expected a file, received a folder. Name a file in it."
    )


@pytest.mark.parametrize("create", [False, True])
def test_a_file_that_is_no_database_is_refused_and_kept(create: bool, tmp_path: Path) -> None:
    path = tmp_path / "notes.db"
    path.write_text("Dear diary, " * 500)
    with pytest.raises(PermanentStorageError) as caught:
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
        # SQLite's own way to read a database with a write-ahead log where nothing may be written is the second.
        for each in (url, f"sqlite:///file:{open_folder}/study.db?immutable=1&mode=ro&uri=true"):
            with open_storage(each) as storage:
                assert storage.studies() == [study]
                with pytest.raises(PermanentStorageError) as caught:
                    storage.request_stop("moons")
                assert str(caught.value).endswith(
                    "expected the database to do its work, received: attempt to write a readonly database. "
                    "Make the file and its folder writable."
                )


def test_creating_where_nothing_may_be_written_is_an_error(open_folder: Path) -> None:
    open_folder.chmod(0o555)
    with _as_ordinary_user(), pytest.raises(PermanentStorageError) as caught:
        open_storage(f"sqlite:///{open_folder}/study.db", create=True)
    assert str(caught.value) == (
        f"storage sqlite:///{open_folder}/study.db: expected to lock study.db.lock, received: Permission denied. "
        "Keep the database in a folder that may be written and whose file system has locks."
    )
    assert list(open_folder.iterdir()) == []


_FILL = """
import resource, sys
from pathlib import Path
from search.errors import PermanentStorageError
from search.records import Configuration, StudyFacts, TrialState
from search.storage import Ended, Started, open_storage

with open_storage(sys.argv[1], create=True) as storage:
    study = storage.create_study("moons", "minimize", "mse", {}, "0" * 64, StudyFacts("regression"), 10)
    resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, 500_000))
    try:
        for number in range(10_000):
            storage.write(study.study_id, [Started(number, Configuration({"l2": number}))])
            storage.write(study.study_id, [Ended(number, TrialState.COMPLETE, 0.5)])
            print(number, flush=True)
    except PermanentStorageError as error:
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
        with pytest.raises(PermanentStorageError, match="unable to open database file"):
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
        with pytest.raises(TransientStorageError) as caught:
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
        with pytest.raises(PermanentStorageError) as caught:
            open_storage(wrong, create=create)
        assert re.fullmatch(
            r"storage postgresql:///\w+: expected the database to do its work, received: .*"
            r'password authentication failed for user "\*\*\*"\. Check the user and the password\.',
            str(caught.value),
        )
        assert _shown_nowhere(caught.value, "wrong-secret")


def test_a_server_that_is_not_there_is_an_error_that_does_not_show_the_password() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # bound and not listening: whoever connects is refused
        url = f"postgresql://ann:my-secret@127.0.0.1:{unused.getsockname()[1]}/studies"
        for create in (False, True):
            with pytest.raises(TransientStorageError) as caught:
                open_storage(url, create=create)
            message = str(caught.value)
            assert message.startswith(f"storage {url.replace('ann:my-secret@', '')}: expected the database to do its")
            assert "Connection refused" in message
            assert message.endswith(
                "Check that the server runs and can be reached, then run again: what was accepted is kept."
            )
            assert _shown_nowhere(caught.value, "my-secret")


def test_a_host_and_a_database_that_do_not_exist_are_errors(postgresql: Any) -> None:
    with pytest.raises(PermanentStorageError, match=r"^storage postgresql://nowhere\.invalid/studies: "):
        open_storage("postgresql://ann:my-secret@nowhere.invalid/studies")
    with pytest.raises(PermanentStorageError) as caught:
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
            with pytest.raises(TransientStorageError, match="is not currently accepting connections"):
                storage.write(study.study_id, [Ended(0, TrialState.COMPLETE, 0.5)])
        postgresql.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
        assert storage.trials(study.study_id)[0].state is TrialState.RUNNING
        storage.write(study.study_id, [Ended(0, TrialState.COMPLETE, 0.5)])
        assert storage.progress(study.study_id).best_score == 0.5


def _receive(url: str, statement: str) -> StorageError:
    """The error that a statement becomes."""
    address = parse_address(url)
    engine = make_engine(address)
    with pytest.raises(StorageError) as caught, translated(address), engine.begin() as connection:
        connection.exec_driver_sql(statement)
    engine.dispose()
    return caught.value


@pytest.mark.parametrize(
    ("sqlstate", "kind"),
    [
        ("08006", TransientStorageError),
        ("40001", TransientStorageError),
        ("40P01", TransientStorageError),
        ("53300", TransientStorageError),
        ("55P03", TransientStorageError),
        ("57014", TransientStorageError),
        ("57P01", TransientStorageError),
        ("57P03", TransientStorageError),
        ("23505", PermanentStorageError),
        ("25006", PermanentStorageError),
        ("28P01", PermanentStorageError),
        ("3D000", PermanentStorageError),
        ("42501", PermanentStorageError),
        ("53100", PermanentStorageError),
        ("57P04", PermanentStorageError),
        ("58030", PermanentStorageError),
        ("XX001", PermanentStorageError),
    ],
)
def test_what_postgresql_says_is_transient_or_permanent(
    sqlstate: str, kind: type[StorageError], postgresql: Any
) -> None:
    raising = f"DO $$ BEGIN RAISE EXCEPTION 'so be it' USING ERRCODE = '{sqlstate}'; END $$"
    assert type(_receive(postgresql.url("postgres"), raising)) is kind


def test_a_session_that_is_ended_inside_a_transaction_is_transient(postgresql: Any) -> None:
    address = parse_address(postgresql.url("postgres"))
    engine = make_engine(address)
    with engine.connect() as connection:
        pid = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar()
        postgresql.execute(f"SELECT pg_terminate_backend({pid}, 10000)")
        with pytest.raises(TransientStorageError), translated(address):
            connection.exec_driver_sql("SELECT 1")
    engine.dispose()


def test_a_server_that_was_stopped_is_transient(
    postgresql: Any, tmp_path: Path, create_study: Callable[..., StudyRecord]
) -> None:
    with tempfile.TemporaryDirectory(prefix="pg", ignore_cleanup_errors=True) as folder:
        server = type(postgresql)(Path(folder))
        with open_storage(server.url(server.new_database()), create=True) as storage:
            study = create_study(storage)
            server.stop()
            with pytest.raises(TransientStorageError, match="Is the server running"):
                storage.write(study.study_id, [Started(0, Configuration())])


def test_a_user_without_rights_is_permanent(postgresql: Any) -> None:
    name = postgresql.new_database()
    open_storage(postgresql.url(name), create=True).close()
    postgresql.execute("CREATE ROLE visitor LOGIN")
    with pytest.raises(PermanentStorageError, match="permission denied for table"):
        open_storage(postgresql.url(name, "visitor"))


def test_a_damaged_file_is_permanent(tmp_path: Path, create_study: Callable[..., StudyRecord]) -> None:
    path = tmp_path / "studies.db"
    with open_storage(f"sqlite:///{path}", create=True) as storage:
        create_study(storage)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        page = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'regsearch_studies'").fetchone()[0]
        size = connection.execute("PRAGMA page_size").fetchone()[0]
    with path.open("r+b") as file:
        file.seek(size * (page - 1))
        file.write(b"\xff" * size)
    with open_storage(f"sqlite:///{path}") as storage, pytest.raises(PermanentStorageError) as caught:
        storage.studies()
    assert str(caught.value) == (
        f"storage sqlite:///{path}: expected the database to do its work, received: database disk image is malformed. "
        "The file is damaged; restore a copy, or see `.recover` of the sqlite3 shell."
    )


@pytest.mark.parametrize(
    ("damage", "received"),
    [
        (
            "UPDATE regsearch_studies SET spec = '[\"malformed\"]'",
            'hold what was written to it, received other values: expected a study file, received ["malformed"]',
        ),
        (
            "CREATE FUNCTION fail() RETURNS text LANGUAGE plpgsql AS"
            " $$BEGIN RAISE EXCEPTION 'invalid page in block 7' USING ERRCODE = 'XX001'; END$$;"
            "ALTER TABLE regsearch_studies RENAME TO hidden;"
            "CREATE VIEW regsearch_studies AS SELECT study_id, fail() AS spec, metric, data_sha256, facts, created,"
            " n_trials, stop_requested, versions, notes FROM hidden",
            "do its work, received: invalid page in block 7",
        ),
    ],
    ids=["value", "page"],
)
def test_damage_of_a_server_has_a_remedy_of_a_server(
    postgresql_url: str, create_study: Callable[..., StudyRecord], damage: str, received: str
) -> None:
    engine = sa.create_engine(postgresql_url, poolclass=sa.NullPool)
    with open_storage(postgresql_url, create=True) as storage:
        create_study(storage)
        with engine.begin() as connection:
            connection.exec_driver_sql(damage)
        with pytest.raises(PermanentStorageError) as caught:
            storage.studies()
    assert f": expected the database to {received}" in str(caught.value)
    assert str(caught.value).endswith(". What the server keeps is damaged; restore a backup of the database.")


def test_a_row_that_sqlite_refuses_is_permanent(sqlite_url: str) -> None:
    open_storage(sqlite_url, create=True).close()
    assert type(_receive(sqlite_url, "INSERT INTO regsearch_runs (run_id) VALUES (1)")) is PermanentStorageError


def test_a_pool_without_a_free_connection_is_transient(sqlite_url: str) -> None:
    open_storage(sqlite_url, create=True).close()
    engine = sa.create_engine(sqlite_url, poolclass=sa.QueuePool, pool_size=1, max_overflow=0, pool_timeout=0.01)
    with engine.connect(), pytest.raises(TransientStorageError), translated(parse_address(sqlite_url)):
        engine.connect()
    engine.dispose()


def test_importing_the_storage_imports_nothing_heavy() -> None:
    code = "import search.storage, sys; print(*{name.partition('.')[0] for name in sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    heavy = {"optuna", "alembic", "keras", "tensorflow", "numpy", "pandas", "psycopg", "filelock", "pydantic"}
    assert heavy & set(done.stdout.split()) == set()
