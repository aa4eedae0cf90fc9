"""Databases that can be made to go away: a SQLite file that another program locks, a PostgreSQL that crashes."""

from __future__ import annotations

import contextlib
import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from tests.conftest import PostgresServer


class Database(Protocol):
    """A database of one study."""

    @property
    def url(self) -> str:
        """What opens it."""

    def go_away(self) -> None:
        """From now on it does not answer, or takes nothing that is to be written."""

    def come_back(self) -> None:
        """It is as before."""


class SqliteDatabase:
    """A file; another program that writes and does not come to an end keeps it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._other: sqlite3.Connection | None = None

    @property
    def url(self) -> str:
        return f"sqlite:///{self._path}"

    def go_away(self) -> None:
        self._other = sqlite3.connect(self._path, isolation_level=None, timeout=30)
        self._other.execute("BEGIN EXCLUSIVE")

    def come_back(self) -> None:
        if self._other is not None:
            self._other.close()
            self._other = None


class PostgresqlDatabase:
    """A database of a server of its own, which is ended as a crash would end it."""

    def __init__(self, server: PostgresServer) -> None:
        self._server = server
        self.url = server.url(server.new_database())

    def go_away(self) -> None:
        self._server.crash()

    def come_back(self) -> None:
        self._server.start()


@contextlib.contextmanager
def crashable_server() -> Iterator[PostgresServer]:
    """A PostgreSQL that may be crashed: what it acknowledges outlives that."""
    with tempfile.TemporaryDirectory(prefix="pg", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        made = PostgresServer(Path(folder) / "data")
        made.execute("ALTER SYSTEM SET synchronous_commit = on")
        made.execute("SELECT pg_reload_conf()")
        try:
            yield made
        finally:
            made.stop()


@contextlib.contextmanager
def databases(backend: str, folder: Path) -> Iterator[tuple[Database, Database]]:
    """Two empty databases of a kind, `sqlite` or `postgresql`: for a study that is left alone, and one that is not."""
    if backend == "sqlite":
        yield SqliteDatabase(folder / "undisturbed.db"), SqliteDatabase(folder / "hurt.db")
        return
    with crashable_server() as server:
        yield PostgresqlDatabase(server), PostgresqlDatabase(server)
