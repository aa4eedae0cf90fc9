"""SQLite files of tests are written to the disk when the system finds time: tests outlive no power cut."""

import functools
import sqlite3

import sqlalchemy as sa


@functools.cache
def flush_no_file() -> None:
    """Have no connection of this process, and of those forked from it, wait for the disk."""

    # Not when it is opened, when regsearch itself asks for the opposite.
    @sa.event.listens_for(sa.Pool, "checkout")
    def check_out(connection: object, record: sa.PoolProxiedConnection, _proxy: object) -> None:
        if isinstance(connection, sqlite3.Connection) and record.info.setdefault("is flushed", True):
            connection.execute("PRAGMA synchronous=OFF")
            record.info["is flushed"] = False
