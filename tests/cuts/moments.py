"""The moments in which something of a process becomes lasting: a commit, a change of a file.

A process that is to be killed at one of them counts them, and kills itself right before: nothing of it is left to put
in order what it was at. Between two moments nothing lasting happens, so that right after one is right before the next.
"""

from __future__ import annotations

import os
import signal
import sqlite3
import sys
from pathlib import Path

import psycopg

_CHANGES = {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link", "os.symlink", "os.chmod"}
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
_LEAVES_NOTHING = {"SELECT", "EXPLAIN", "BEGIN", "ROLLBACK", "SAVEPOINT", "RELEASE"}
_BEGINS_A_TRANSACTION = {"INSERT", "UPDATE", "DELETE", "REPLACE"}
"""By itself, where Python's sqlite3 is left to its own kind of transactions, as Optuna leaves it."""


def die_at(at: int, folder: Path, told: int) -> None:
    """Have this process kill itself at one of its moments.

    Args:
        at: Which one, from 0.
        folder: Where changes of files count.
        told: Descriptor of a pipe, which gets what the moment is.
    """
    left = at

    def reach(moment: str) -> None:
        nonlocal left
        if left == 0:
            os.write(told, moment.encode())
            os.kill(os.getpid(), signal.SIGKILL)
        left -= 1

    _count_commits_of_sqlite(reach)
    _count_commits_of_postgresql(reach)
    _count_changes_of_files(reach, folder)


def _count_commits_of_sqlite(reach) -> None:
    class Cursor(sqlite3.Cursor):
        def execute(self, statement, *arguments):
            connection, verb = self.connection, statement.split(None, 1)[0].upper()
            if verb == "BEGIN":
                connection.writes, connection.changes = "IMMEDIATE" in statement, connection.total_changes
            if _lasts(connection, verb, statement):
                reach(" ".join(statement.split())[:80])
            return super().execute(statement, *arguments)

    class Connection(sqlite3.Connection):
        writes, changes = True, 0

        def cursor(self, factory=Cursor):
            return super().cursor(factory)

        def execute(self, *arguments):
            return self.cursor().execute(*arguments)

        def commit(self):
            is_lasting = self.in_transaction and (self.writes or self.total_changes != self.changes)
            self.writes = True
            if is_lasting:
                reach("COMMIT")
            super().commit()

    real = sqlite3.connect

    def connect(*arguments, factory=Connection, **options):
        return real(*arguments, factory=factory, **options)

    sqlite3.connect = sqlite3.dbapi2.connect = connect


def _lasts(connection: sqlite3.Connection, verb: str, statement: str) -> bool:
    """Whether a statement is a transaction of its own that changes the file."""
    if connection.in_transaction:
        return verb in ("COMMIT", "END")
    if verb in _LEAVES_NOTHING:
        return False
    if verb == "PRAGMA":
        return "journal_mode=" in statement.replace(" ", "")
    return verb not in _BEGINS_A_TRANSACTION or connection.isolation_level is None


def _count_commits_of_postgresql(reach) -> None:
    real = psycopg.Connection.commit

    def commit(connection):
        is_open = connection.info.transaction_status == psycopg.pq.TransactionStatus.INTRANS
        query = "SELECT pg_current_xact_id_if_assigned() IS NOT NULL"  # only who writes has a number
        if is_open and connection.cursor(row_factory=psycopg.rows.tuple_row).execute(query).fetchone()[0]:
            reach("COMMIT")
        real(connection)

    psycopg.Connection.commit = commit


def _count_changes_of_files(reach, folder: Path) -> None:
    """Count what is about to happen to files in a folder; what did happen is before the moment that comes next."""

    def hear(event, arguments):
        if event == "open":
            _, _, flags = arguments
            if not flags & _WRITING:
                return
        elif event not in _CHANGES:
            return
        # Who removes a tree names what is in it beside an open folder.
        names = [os.fsdecode(each) for each in arguments if isinstance(each, str | bytes | os.PathLike)]
        is_beside_open_folder = event != "open" and isinstance(arguments[-1], int) and arguments[-1] >= 0
        if (names and is_beside_open_folder) or any(name.startswith(str(folder)) for name in names):
            reach(f"{event} {names[0]}")

    def flush(descriptor):
        reach("flush to the disk")  # and nothing else: processes are killed here, and no machines

    os.fsync = flush
    sys.addaudithook(hear)
