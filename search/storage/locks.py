"""One coordinator a study: a lock that kernel or server frees when its holder dies, without any clock.

SQLite: an OS file lock on `DATABASE.STUDY.lock` beside the database. The file stays when the lock is free:
removing it would let two processes lock two files of one name.
PostgreSQL: an advisory lock of a session that the coordinator keeps open for its whole life.
"""

from __future__ import annotations

import hashlib
import re
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from search.errors import LockLostError, StorageError
from search.storage.address import Address
from search.storage.engine import storage_error, transaction, translated, writing

if TYPE_CHECKING:
    from filelock import FileLock

# A look at the lock file (`held`) takes the lock for a moment, and a server needs a moment to see that a
# client died: so long the lock is tried again before it counts as held.
_PATIENCE_SECONDS = 1.0
_POLL_SECONDS = 0.02
_GLANCE_SECONDS = 0.2

# The driver's error the first time, SQLAlchemy's refusal to go on ever after.
_SESSION_LOST = (sa.exc.DBAPIError, sa.exc.PendingRollbackError)


class StudyLock(ABC):
    """The lock on one name in one database."""

    @abstractmethod
    def acquire(self, seconds: float = _PATIENCE_SECONDS) -> bool:
        """Take the lock, trying for so many seconds; False when another holds it."""

    @abstractmethod
    def release(self) -> None:
        """Free the lock; does nothing when it is free or lost."""

    @property
    @abstractmethod
    def is_lost(self) -> bool:
        """Whether the lock is known to be lost, without asking."""

    @abstractmethod
    def is_intact(self) -> bool:
        """Whether the lock is still held, asked just now.

        Raises:
            LockLostError: It was lost for good: the lock file or the database was removed or replaced.
        """

    @abstractmethod
    def transaction(self) -> AbstractContextManager[sa.Connection]:
        """A transaction that writes, and is committed only while the lock is held.

        Raises:
            LockLostError: It is not held.
        """

    @abstractmethod
    def held(self) -> bool:
        """Whether some process, this one included, holds the lock now."""


def make_lock(address: Address, engine: sa.Engine, name: str | None) -> StudyLock:
    """The lock on a study, or with None the one under which tables are created. It is not taken yet."""
    if address.path is None:
        return _ServerLock(address, engine, name)
    return _FileLock(address, address.path, engine, name)


class _FileLock(StudyLock):
    """An OS file lock beside a SQLite database."""

    def __init__(self, address: Address, database: Path, engine: sa.Engine, name: str | None) -> None:
        self._address = address
        self._engine = engine
        self._database = database
        self._path = database.with_name(_lock_file_name(database.name, name))
        self._lock: FileLock | None = None
        self._identities: tuple[object, object] = (None, None)

    def acquire(self, seconds: float = _PATIENCE_SECONDS) -> bool:
        self._lock = self._take(seconds)
        self._identities = self._look()
        return self._lock is not None

    def release(self) -> None:
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    @property
    def is_lost(self) -> bool:
        return self._lock is None

    def is_intact(self) -> bool:
        for path, before, now in zip((self._path, self._database), self._identities, self._look(), strict=True):
            if before != now:
                raise lock_lost(self._address, f"that {path.name} was removed or replaced")
        return self._lock is not None

    @contextmanager
    def transaction(self) -> Iterator[sa.Connection]:
        if not self.is_intact():
            raise lock_lost(self._address, "no lock")
        with transaction(self._address, writing(self._engine)) as connection:
            yield connection

    def held(self) -> bool:
        if not self._path.exists():
            return False
        try:
            lock = self._take(_GLANCE_SECONDS)
        except StorageError:
            return self._is_taken()
        if lock is not None:
            lock.release()
        return lock is None

    def _is_taken(self) -> bool:
        """Whether it is held, for who may not write the file; who may not read it either believes that it is."""
        if sys.platform == "win32":
            return True
        import fcntl

        try:
            with self._path.open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return True
        return False

    def _take(self, seconds: float) -> FileLock | None:
        from filelock import FileLock, Timeout

        # Without flock there is no lock that dies with its holder: refuse, no falling back to a marker file.
        lock = FileLock(self._path, thread_local=False, fallback_to_soft=False, preserve_lock_file=True)
        try:
            lock.acquire(timeout=seconds, poll_interval=_POLL_SECONDS)
        except Timeout:
            return None
        except (OSError, NotImplementedError) as error:
            remedy = "Keep the database in a folder that may be written and whose file system has locks."
            reason = getattr(error, "strerror", None) or error
            message = f"expected to lock {self._path.name}, received: {reason}"
            raise storage_error(self._address, message, remedy) from error
        return lock

    def _look(self) -> tuple[object, object]:
        return _identity(self._path), _identity(self._database)


class _ServerLock(StudyLock):
    """A session-level advisory lock of PostgreSQL, within the connected database."""

    def __init__(self, address: Address, engine: sa.Engine, name: str | None) -> None:
        self._address = address
        self._engine = engine
        self._key = _advisory_key(name)
        self._session: sa.Connection | None = None

    def acquire(self, seconds: float = _PATIENCE_SECONDS) -> bool:
        self._drop()
        with translated(self._address):
            session = self._engine.connect()
            try:
                if self._take(session, time.monotonic() + seconds):
                    self._session = session
            finally:
                if self._session is None:
                    session.close()
        return self._session is not None

    def release(self) -> None:
        if self._session is None:
            return
        # A lost session has lost its lock already.
        with suppress(*_SESSION_LOST), self._session.begin():
            self._session.execute(sa.select(sa.func.pg_advisory_unlock(self._key)))
        self._drop()

    @property
    def is_lost(self) -> bool:
        # SQLAlchemy would connect again by itself, and the new session holds nothing.
        return self._session is None or self._session.invalidated

    def is_intact(self) -> bool:
        if self._session is None or self._session.invalidated:
            return False
        try:
            with self._session.begin():
                return bool(self._session.scalar(self._query("pid = pg_backend_pid()")))
        except _SESSION_LOST:
            self._drop()
            return False

    @contextmanager
    def transaction(self) -> Iterator[sa.Connection]:
        if self._session is None or self._session.invalidated:
            raise lock_lost(self._address, "no lock")
        # In the very session that holds the lock: without the one the other cannot be.
        with transaction(self._address, self._session) as connection:
            yield connection

    def _drop(self) -> None:
        """Let go of the session, whatever has become of it: it must not serve another, which would hold the lock."""
        if self._session is not None:
            with suppress(*_SESSION_LOST):
                self._session.invalidate()
            with suppress(*_SESSION_LOST):
                self._session.close()
            self._session = None

    def held(self) -> bool:
        with translated(self._address), self._engine.connect() as connection:
            return bool(connection.scalar(self._query("true")))

    def _take(self, session: sa.Connection, deadline: float) -> bool:
        # So that the server frees the lock of a machine that vanished within a minute, not in two hours.
        for setting in ("idle = 30", "interval = 10", "count = 3"):
            session.exec_driver_sql(f"SET tcp_keepalives_{setting}")
        session.commit()
        while not session.scalar(sa.select(sa.func.pg_try_advisory_lock(self._key))):
            session.commit()
            if time.monotonic() >= deadline:
                return False
            time.sleep(_POLL_SECONDS)
        session.commit()
        return True

    def _query(self, condition: str) -> sa.TextClause:
        return sa.text(
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 1"
            " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
            f" AND ((classid::bigint << 32) | objid::bigint) = :key AND {condition}"
        ).bindparams(key=self._key)


def _lock_file_name(database: str, name: str | None) -> str:
    return f"{database}.lock" if name is None else f"{database}.{name_in_files(name)}.lock"


def name_in_files(study: str) -> str:
    """What stands for a study in the names of files: its name, or a hash where that is no name for a file."""
    plain = re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", study)
    return study if plain else "~" + hashlib.sha256(study.encode()).hexdigest()[:32]


def _advisory_key(name: str | None) -> int:
    text = "regsearch tables" if name is None else f"regsearch study {name}"
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big", signed=True)


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def lock_lost(address: Address, received: str) -> StorageError:
    """An error for whoever held a lock."""
    remedy = "Another coordinator may hold the study now; run again to continue."
    return storage_error(
        address, f"expected to hold the study's lock still, received {received}", remedy, LockLostError
    )
