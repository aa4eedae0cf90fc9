"""An address becomes a SQLAlchemy engine; SQLAlchemy's errors become ours, transient or permanent."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine.interfaces import DBAPIConnection

from search.errors import PermanentStorageError, Problem, StorageError, TransientStorageError
from search.records.damage import UNREADABLE, explain
from search.storage.address import Address
from search.storage.sealed_files import is_sealed, is_settled, lacks_index

_BUSY_SECONDS = 60.0
_LEAST_BUSY_SECONDS = 2.0
_WRITES = "regsearch_writes"
_BUSY = "regsearch_busy_seconds"
_SHORTEST_SECRET = 4
_PLACES = frozenset({"host", "hostaddr", "port", "dbname"})

_DAMAGED_FILE = "The file is damaged; restore a copy, or see `.recover` of the sqlite3 shell."
_DAMAGED_SERVER = "What the server keeps is damaged; restore a backup of the database."

# What a database says, and what to do about it. The first match counts.
_REMEDIES_OF_FILES = (
    ("disk is full", "Free some space and run again: what was accepted is kept."),
    ("disk I/O error", "Check the disk, then run again: what was accepted is kept."),
    ("readonly database", "Make the file and its folder writable."),
    ("unable to open", "Check that the file exists, and that it and its folder may be read and written."),
    ("not a database", "Name a SQLite file, or a new one."),
    ("malformed", _DAMAGED_FILE),
    ("Could not decode to UTF-8", _DAMAGED_FILE),
    ("is locked", "Another program keeps it; end that program, then try again."),
)
_REMEDIES_OF_SERVERS = (
    ("No space left on device", "Free some space on the server and run again: what was accepted is kept."),
    ("authentication failed", "Check the user and the password."),
    ("no password supplied", "Give a password in the URL, in PGPASSWORD or in ~/.pgpass."),
    ("does not exist", "Create it on the server, or check its name."),
    ("permission denied", "Give this user the right to do so on the server."),
)
_DAMAGED_SQLSTATES = ("XX001", "XX002")
"""Data and indexes that a server finds corrupted."""
_UNREACHABLE = "Check that the server runs and can be reached, then run again: what was accepted is kept."

# Which failures lie in the moment; every other one is permanent. By the code that the database gave, where it gave one.
_TRANSIENT_SQLSTATES = (
    "08",  # connection exceptions, all of the class: refused, cut, not there
    "40001",  # serialization failure
    "40P01",  # deadlock
    "53200",  # the server is out of memory
    "53300",  # too many connections
    "55P03",  # a lock is not available
    "57014",  # the statement was cancelled: a time-out of the server, its administrator
    "57P01",  # the server shuts down, or the administrator ended the session
    "57P02",  # the server crashed, or another of its processes did
    "57P03",  # the server starts up, shuts down or recovers
    "57P05",  # the session was idle for too long
    "25P03",  # a transaction was idle for too long
)
"""Beginnings of SQLSTATE, as in PostgreSQL's appendix A."""
_TRANSIENT_SQLITE_CODES = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL})
"""Primary result codes; `SQLITE_PROTOCOL` is a race for the lock of a write-ahead log."""
_TRANSIENT_WORDS = (
    "Connection reset",
    "Connection timed out",
    "timeout expired",
    "Network is unreachable",
    "No route to host",
    "Temporary failure in name resolution",
    "Is the server running",  # libpq's hint where nothing listens, or no socket's file is there
    "server closed the connection",
    "the connection is closed",
    "connection is lost",
    "is starting up",
    "is shutting down",
    "in recovery mode",
    "not yet accepting connections",
    "not currently accepting connections",
    "too many clients",
    "too many connections",
    "remaining connection slots",
)
"""For errors without a code: libpq has none for a connection that could not be opened, it passes on what was said."""


def make_engine(address: Address, patience_seconds: float | None = None) -> sa.Engine:
    """An engine that opens an existing database; it creates no file.

    SQLite waits up to 60 s for another writer and flushes every commit to the disk (synchronous FULL).
    PostgreSQL is given up after 10 s; connections are tested before they are used, and a peer that vanished
    is noticed within about a minute.

    Args:
        address: The database.
        patience_seconds: How long either is waited for at most, in the place of those times; a server gets two seconds
            at least to take a connection.
    """
    if address.path is not None:
        return _make_sqlite_engine(address, address.path, patience_seconds)
    options: dict[str, Any] = {
        "connect_timeout": 10,
        "application_name": "regsearch",
        "keepalives_idle": 30,
        "keepalives_interval": 10,
        "keepalives_count": 3,
        "tcp_user_timeout": 60_000,
    }
    if patience_seconds is not None:
        seconds = max(2, round(patience_seconds))
        options |= {"connect_timeout": seconds, "tcp_user_timeout": 1000 * seconds}
    new = {key: value for key, value in options.items() if key not in address.url.query}
    return sa.create_engine(address.url, pool_pre_ping=True, connect_args=new, hide_parameters=True)


def writing(engine: sa.Engine) -> sa.Engine:
    """The same engine, for transactions that write.

    On SQLite they take the writer's place at once. A transaction that reads first and writes later could
    not be saved by waiting: SQLite refuses it when another one has written in between.
    """
    return engine.execution_options(**{_WRITES: True})


def quick_to_fail(engine: sa.Engine) -> sa.Engine:
    """The same engine, for whoever has something else to do while SQLite waits for another writer."""
    return engine.execution_options(**{_BUSY: _LEAST_BUSY_SECONDS})


def _make_sqlite_engine(address: Address, path: Path, patience_seconds: float | None) -> sa.Engine:
    given = {key: value for key, value in address.url.query.items() if key not in ("uri", "timeout")}
    # mode=rw: SQLite's own way to say that a missing file is an error and not a new, empty database.
    url = sa.URL.create("sqlite", database=path.as_uri(), query={"mode": "rw", **given, "uri": "true"})
    asked = float(str(address.url.query.get("timeout", _BUSY_SECONDS)))
    timeout = asked if patience_seconds is None else min(asked, patience_seconds)
    # isolation_level None: Python's sqlite3 would begin transactions late and of its own kind; see `begin`.
    engine = sa.create_engine(
        url,
        connect_args={"timeout": timeout, "isolation_level": None},
        hide_parameters=True,
        poolclass=sa.NullPool if is_sealed(path) else None,  # each connection looks again
    )

    @sa.event.listens_for(engine, "do_connect")
    def read_what_is_sealed(_dialect: object, _record: object, arguments: list[Any], _options: object) -> None:
        if not is_sealed(path):
            return
        if is_settled(path):
            arguments[0] += "&immutable=1"
        elif lacks_index(path):
            message = f"expected a folder that may be written, for {path.name}-wal has what is not in {path.name} yet"
            remedy = "Copy both to such a folder, and name the copy."
            raise storage_error(address, f"{message}, received one that may not", remedy)

    @sa.event.listens_for(engine, "connect")
    def configure(connection: DBAPIConnection, _record: object) -> None:
        connection.cursor().execute("PRAGMA synchronous=FULL")

    @sa.event.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:
        options = connection.get_execution_options()
        busy = min(timeout, options.get(_BUSY, timeout))
        connection.exec_driver_sql(f"PRAGMA busy_timeout = {round(1000 * busy)}")
        writes = options.get(_WRITES, False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


@contextmanager
def transaction(address: Address, source: sa.Engine | sa.Connection) -> Iterator[sa.Connection]:
    """A transaction on a connection of an engine's, or on a given one; its errors are ours, see `translated`.

    One that comes in the moment of the commit says that it may be done.
    """
    with translated(address) as told, contextlib.ExitStack() as stack:
        connection = stack.enter_context(source.connect()) if isinstance(source, sa.Engine) else source
        with connection.begin():
            yield connection
            told.is_committing = True


@dataclass
class _Told:
    """What a block tells to `translated`."""

    is_committing: bool = False


@contextmanager
def translated(address: Address) -> Iterator[_Told]:
    """Turn what a database driver raises inside the block into a `StorageError`, transient or permanent.

    Errors of a driver (its connection, the disk, the server's refusals) are translated; SQLAlchemy's
    complaints about a wrong use of its interface are bugs of ours and pass.
    """
    told = _Told()
    try:
        yield told
    except (sa.exc.DBAPIError, sa.exc.TimeoutError) as error:
        raised = _translate(address, error)
        if isinstance(raised, TransientStorageError):
            # SQLite itself tells whether it committed.
            raised.may_be_done = told.is_committing and address.path is None
        raise raised from error
    except UnicodeDecodeError as error:
        # Of a damaged SQLite file: Python's driver decodes what SQLite says, which quotes the bytes that are damaged.
        message = "expected the database to do its work, received: bytes that are no text"
        raise storage_error(address, message, _damaged(address)) from error


@contextmanager
def reading_values(address: Address) -> Iterator[None]:
    """The same of a block that reads values which regsearch or Optuna wrote, and writes none: those that are not as
    they were written are no bug, but damage.
    """
    with translated(address):
        try:
            yield
        except UnicodeDecodeError:
            raise
        except UNREADABLE as error:
            message = f"expected the database to hold what was written to it, received other values: {explain(error)}"
            raise storage_error(address, message, _damaged(address)) from error


def _damaged(address: Address) -> str:
    return _DAMAGED_SERVER if address.path is None else _DAMAGED_FILE


def _translate(address: Address, error: sa.exc.SQLAlchemyError) -> StorageError:
    said = str(getattr(error, "orig", None) or error).strip()
    line = " ".join(said.split())
    options = [value for key, value in address.url.query.items() if key not in _PLACES]
    for secret in (address.url.password, address.url.username, *options):
        for told in (secret,) if isinstance(secret, str) else secret or ():
            # A short one stands in many words; drivers put what they were given in quotes.
            line = line.replace(f'"{told}"', '"***"')
            line = line.replace(told, "***") if len(told) >= _SHORTEST_SECRET else line
    remedies = _REMEDIES_OF_SERVERS if address.path is None else _REMEDIES_OF_FILES
    remedy = next((remedy for words, remedy in remedies if words in line), "")
    if _sqlstate(error) in _DAMAGED_SQLSTATES:
        remedy = _DAMAGED_SERVER
    elif not remedy and isinstance(error, sa.exc.OperationalError) and address.path is None:
        remedy = _UNREACHABLE
    received = line.rstrip(".") or type(error).__name__
    kind = TransientStorageError if _is_transient(error) else PermanentStorageError
    ours = storage_error(address, f"expected the database to do its work, received: {received}", remedy, kind)
    if isinstance(ours, TransientStorageError):
        ours.reason = received
    return ours


def _is_transient(error: sa.exc.SQLAlchemyError) -> bool:
    """Whether the same may succeed at another time, by what the driver tells, the most exact first."""
    if not isinstance(error, sa.exc.DBAPIError):
        return isinstance(error, sa.exc.TimeoutError)  # of the pool: all connections are in use
    sqlstate = _sqlstate(error)
    if sqlstate is not None:
        return sqlstate.startswith(_TRANSIENT_SQLSTATES)
    code = getattr(error.orig, "sqlite_errorcode", None)
    if code is not None:
        return int(code) & 0xFF in _TRANSIENT_SQLITE_CODES
    return error.connection_invalidated or any(words in str(error.orig) for words in _TRANSIENT_WORDS)


def _sqlstate(error: sa.exc.SQLAlchemyError) -> str | None:
    """The code that a server gave; None where it gave none, and of SQLite."""
    said = getattr(error, "orig", None)
    code = getattr(said, "sqlstate", None) or getattr(said, "pgcode", None)  # psycopg, psycopg2
    return None if code is None else str(code)


def storage_error(
    address: Address, message: str, remedy: str = "", kind: type[StorageError] = PermanentStorageError
) -> StorageError:
    """An error whose place is the database.

    Args:
        address: The database.
        message: `expected ..., received ...` in one sentence without a full stop at its end.
        remedy: What to do about it, in full sentences.
        kind: Which `StorageError` it is.
    """
    return kind(str(Problem(f"storage {address.shown}", message, remedy)))
