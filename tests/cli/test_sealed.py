"""Commands that read, on a database in a folder where nothing can be written: a DVD, a colleague's folder."""

import contextlib
import ctypes
import os
import shutil
import sqlite3
import subprocess
import sys

import pytest

READING = [
    ("studies",),
    ("status", "quick"),
    ("trials", "quick"),
    ("logs", "quick"),
    ("best", "quick"),
    ("compare", "quick"),
    ("export", "quick"),
    ("watch", "quick"),
    ("report", "quick", "-o", "quick.html"),
    ("plot", "quick", "--kind", "curves", "-o", "curves.html"),
    ("backup", "quick"),
    ("stop", "quick"),
]
_CAPABILITIES_3, _MAY_WRITE_ALL, _MAY_READ_ALL = 0x20080522, 1 << 1, 1 << 2


@contextlib.contextmanager
def without_rights_of_root():
    """For root, too, rights of files count: this thread is without the capabilities to pass over them."""
    libc = ctypes.CDLL(None, use_errno=True)
    header, told = (ctypes.c_uint32 * 2)(_CAPABILITIES_3, 0), (ctypes.c_uint32 * 6)()
    assert libc.capget(header, told) == 0
    before = told[0]
    told[0] &= ~(_MAY_WRITE_ALL | _MAY_READ_ALL)
    assert libc.capset(header, told) == 0
    try:
        yield
    finally:
        told[0] = before
        assert libc.capset(header, told) == 0


@pytest.fixture
def sealed(confirmed, tmp_path):
    """Makes a folder with a database of a confirmed study one that nobody can write in."""
    folder = tmp_path / "sealed"
    folder.mkdir()
    shutil.copy(confirmed / "regsearch.db", folder)

    @contextlib.contextmanager
    def seal():
        files = [folder, *folder.iterdir()]
        for path in files:
            path.chmod(0o555 if path.is_dir() else 0o444)
        try:
            with without_rights_of_root():
                with pytest.raises(PermissionError):
                    (folder / "new").touch()
                yield folder / "regsearch.db"
        finally:
            for path in files:
                path.chmod(0o755 if path.is_dir() else 0o644)

    return seal


def test_every_command_that_reads_works(sealed, command, tmp_path):
    with sealed() as path:
        before = path.read_bytes()
        for arguments in READING:
            done = command.in_this_process(*arguments, cwd=tmp_path, storage=f"sqlite:///{path}")
            assert (arguments, done.code) == (arguments, 0), done.err
        assert path.read_bytes() == before
        assert [each.name for each in path.parent.iterdir()] == ["regsearch.db"]


@pytest.mark.parametrize("arguments", [("delete", "quick", "--yes"), ("rename", "quick", "quicker")])
def test_command_that_writes_says_that_it_cannot(sealed, command, arguments, tmp_path):
    with sealed() as path:
        done = command.in_this_process(*arguments, cwd=tmp_path, storage=f"sqlite:///{path}")
    assert (done.code, done.out) == (3, "")
    assert "Keep the database in a folder that may be written" in done.err


_KILLED = """
import os, sqlite3, sys
connection = sqlite3.connect(sys.argv[1])
connection.execute("PRAGMA wal_autocheckpoint = 0")
connection.execute("UPDATE studies SET study_name = 'killed'")
connection.execute("INSERT INTO regsearch_coordinators VALUES ('killed', 'here', 1, '2026-01-02 03:04:05')")
connection.commit()
open(sys.argv[1] + ".killed.lock", "w")
os.kill(os.getpid(), 9)
"""


@pytest.fixture
def killed(tmp_path, sealed):
    """The same, whose writer was killed: what it wrote last is in the log alone, and its lock is free."""
    subprocess.run([sys.executable, "-c", _KILLED, tmp_path / "sealed" / "regsearch.db"], check=False, timeout=60)
    return sealed


def test_what_a_killed_coordinator_left_is_read(killed, command, tmp_path):
    with killed() as path:
        assert path.with_name("regsearch.db-wal").stat().st_size
        done = command.in_this_process("status", "killed", cwd=tmp_path, storage=f"sqlite:///{path}")
    assert (done.code, done.out.splitlines()[0]) == (0, "killed: finished"), done.err


def test_log_that_cannot_be_read_there_is_said(killed, command, tmp_path):
    (tmp_path / "sealed" / "regsearch.db-shm").unlink()
    with killed() as path:
        done = command.in_this_process("studies", cwd=tmp_path, storage=f"sqlite:///{path}")
    assert (done.code, done.out) == (3, "")
    assert done.err.partition(": ")[2] == (
        "expected a folder that may be written, for regsearch.db-wal has what is not in regsearch.db yet, "
        "received one that may not. Copy both to such a folder, and name the copy.\n"
    )


def test_database_without_a_log_is_read(sealed, command, tmp_path):
    with contextlib.closing(sqlite3.connect(tmp_path / "sealed" / "regsearch.db")) as connection:
        connection.execute("PRAGMA journal_mode=DELETE")
    with sealed() as path:
        done = command.in_this_process("studies", "--format", "json", cwd=tmp_path, storage=f"sqlite:///{path}")
    assert done.code == 0, done.err


def test_lock_that_may_only_be_read_is_told_from_one_that_is_held(sealed, tmp_path):
    from search.storage import open_storage

    url = f"sqlite:///{tmp_path / 'sealed' / 'regsearch.db'}"
    with open_storage(url) as storage, storage.hold("quick"), sealed():
        assert storage.holder("quick").pid == os.getpid()


def test_dashboard_reads_it(sealed):
    from search.dashboard.server import _connect

    with sealed() as path, _connect(f"sqlite:///{path}", writable=False) as storage:
        assert [study.study_name for study in storage.get_all_studies()] == ["quick"]


def test_doctor_says_that_it_can_be_read_and_not_written(sealed):
    from search.reporting.health.database import check_database

    with sealed() as path:
        found = {each.name: each for each in check_database(f"sqlite:///{path}")}
    assert (found["file"].mark, "journal" in found) == ("warning", False)
    assert found["file"].found == (
        "it or its folder may not be written: it is read as it is, and nothing can be run in it"
    )
