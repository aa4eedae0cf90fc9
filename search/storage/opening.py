"""`open_storage`: from a URL to a `Storage` whose tables are known to be readable."""

from __future__ import annotations

import errno
import functools
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

from search.errors import MissingStorageError
from search.storage.address import Address, parse_address
from search.storage.engine import make_engine, storage_error
from search.storage.older_tables import OlderTables
from search.storage.schema import REVISION, VERSION_TABLE, prepare_schema
from search.storage.store import Storage


def open_storage(url: str, *, create: bool = False, patience_seconds: float | None = None) -> Storage:
    """Open a database; use it as a context manager, or close it.

    Args:
        url: A SQLAlchemy URL of SQLite or PostgreSQL, as Optuna takes it.
        create: Create the file and the tables that are missing, and upgrade ours. Without it nothing is
            written, and a missing file is an error and stays missing; tables of an earlier version are read as they
            are, and what would write to them is refused.
        patience_seconds: How long a locked file or a silent server is waited for; None: as whoever writes waits.
    Raises:
        UsageError: The URL cannot be used.
        TransientStorageError: The database cannot be reached now.
        PermanentStorageError: It cannot be read, or its tables are of a version that we do not know.
    """
    address = parse_address(url)
    _check_path(address, create)
    engine = make_engine(address, patience_seconds)
    try:
        revision = prepare_schema(address, engine, create=create)
        older = None if revision in (None, REVISION) else OlderTables(engine, VERSION_TABLE, str(revision), REVISION)
    except BaseException:
        engine.dispose()
        raise
    return Storage(address, engine, has_our_tables=revision is not None, older=older)


@functools.cache
def blank_database() -> bytes:
    """A SQLite file with all tables and no study, made once a process: a file of these bytes need not be set up."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "blank.db"
        open_storage(f"sqlite:///{path}", create=True).close()
        return path.read_bytes()


def write_blank_file(path: Path) -> None:
    """Write a database with all tables and no study, which is one file at all times: SQLite keeps no log beside it."""
    path.write_bytes(blank_database())
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode=DELETE")


def _check_path(address: Address, create: bool) -> None:
    """Refuse a path that SQLite could only call `unable to open database file`."""
    path = address.path
    if path is None:
        return
    try:
        path.lstat()
    except OSError as error:
        if error.errno not in (errno.ENOENT, errno.ENOTDIR):
            message = f"expected a file that can be opened, received: {error.strerror}"
            raise storage_error(address, message, "Name another.") from error
    if path.is_dir():
        raise storage_error(address, "expected a file, received a folder", "Name a file in it.")
    if not path.parent.is_dir():
        remedy = "Create the folder, or name another."
        raise storage_error(address, f"expected the folder {path.parent} to exist, received none", remedy)
    if not create and not path.exists():
        remedy = "No studies yet? `regsearch run moons` creates it; otherwise check the path."
        message = f"expected the file {path} to exist, received none"
        raise storage_error(address, message, remedy, MissingStorageError)
