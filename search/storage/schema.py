"""Creating, upgrading and checking the tables: Optuna's and ours."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import as_file, files

import sqlalchemy as sa

from search.errors import MissingStorageError, PermanentStorageError, StorageError, TransientStorageError
from search.storage import optuna_tables, tables
from search.storage.address import Address
from search.storage.cascades import renew_cascades
from search.storage.engine import reading_values, storage_error, translated, writing
from search.storage.locks import make_lock

REVISION = "r0006"
"""The newest version of our tables; a test compares it with the newest migration."""

VERSION_TABLE = sa.Table("regsearch_version", sa.MetaData(), sa.Column("version_num", sa.String(32)))
_CREATION_SECONDS = 60.0


def prepare_schema(address: Address, engine: sa.Engine, *, create: bool) -> str | None:
    """Make sure that the database has tables that we can read.

    Args:
        address: Where the database is; for messages.
        engine: Its engine.
        create: Create or upgrade what is missing; otherwise nothing is written.
    Returns:
        The version of our tables. Without `create` it may be an earlier one, and they may be missing, None: a database
        of plain Optuna.
    Raises:
        StorageError: The tables are of a version that we do not know, or are missing and `create` is false.
    """
    if stored_revisions(address, engine)[0] != optuna_tables.REVISION:
        _refuse_others_tables(address, engine)
    if create and stored_revisions(address, engine) != (optuna_tables.REVISION, REVISION):
        with _creation_lock(address, engine):
            _create(address, engine)
    optuna, ours = stored_revisions(address, engine)
    _check_optuna(address, optuna)
    _check_ours(address, ours)
    return ours


def _create(address: Address, engine: sa.Engine) -> None:
    """Create what is missing; under the creation lock, so that another process may just have done it."""
    optuna, ours = stored_revisions(address, engine)
    _check_ours(address, ours)
    if optuna is None:
        _add_missing_indices(address, engine)
        _create_optuna_tables(address)
    else:
        _check_optuna(address, optuna)
    if address.path is not None:
        _use_write_ahead_log(address, engine)
    _upgrade_our_tables(address, engine)


def _refuse_others_tables(address: Address, engine: sa.Engine) -> None:
    """Refuse a database that another program keeps its own tables in, before anything is written.

    Optuna's tables, or a part of them, may be there: a process that created them may have been killed.
    """
    if address.path is not None and not address.path.exists():
        return
    with reading_values(address), engine.connect() as connection:
        inspector = sa.inspect(connection)
        columns = {name: {each["name"] for each in inspector.get_columns(name)} for name in inspector.get_table_names()}
        others = sorted(name for name, present in columns.items() if not _is_of_optuna_or_ours(name, present))
        version = optuna_tables.alembic_version
        stored = connection.scalar(sa.select(version.c.version_num)) if version.name in columns else None
    if others and stored not in optuna_tables.OLDER_REVISIONS:
        named = ", ".join(others[:_MOST_NAMED]) + (" ..." if len(others) > _MOST_NAMED else "")
        message = (
            f"expected an empty database or one of Optuna's, received one with tables of another program ({named})"
        )
        remedy = "Nothing was written. Name another file." if address.path else "Create a database for regsearch alone."
        raise storage_error(address, message, remedy)


_MOST_NAMED = 5


_FURTHER_OF_OPTUNA = frozenset({"version_info"})
"""Tables that we neither read nor write."""


def _is_of_optuna_or_ours(name: str, columns: set[str]) -> bool:
    if name in _FURTHER_OF_OPTUNA:
        return True
    known = {**optuna_tables.METADATA.tables, **tables.METADATA.tables, VERSION_TABLE.name: VERSION_TABLE}
    return name in known and columns >= {column.name for column in known[name].columns}


def _add_missing_indices(address: Address, engine: sa.Engine) -> None:
    """Give the tables of Optuna that are there all their indices.

    On SQLite Optuna makes each table and each index in a transaction of its own, and passes over tables that it finds:
    a process that was killed in between left a table whose index nobody would make.
    """
    if address.path is not None and not address.path.exists():
        return
    with translated(address), writing(engine).begin() as connection:
        present = sa.inspect(connection).get_table_names()
        for table in optuna_tables.METADATA.tables.values():
            for index in table.indexes if table.name in present else ():
                index.create(connection, checkfirst=True)


def _create_optuna_tables(address: Address) -> None:
    import optuna

    server = {"connect_args": {"connect_timeout": 10}} if address.path is None else {}
    with translated(address):
        try:
            # Our own check of the version comes after, with a message that names both versions.
            storage = optuna.storages.RDBStorage(
                address.optuna_url, engine_kwargs=server, skip_compatibility_check=True
            )
        except optuna.exceptions.StorageInternalError as error:
            raise error.__cause__ or error from None
    storage.remove_session()
    storage.engine.dispose()


def _use_write_ahead_log(address: Address, engine: sa.Engine) -> None:
    """Let readers read while the coordinator writes. SQLite keeps the setting in the file."""
    with translated(address):
        # Not through SQLAlchemy: it opens a transaction, and the mode cannot change inside one.
        raw = engine.raw_connection()
        try:
            raw.cursor().execute("PRAGMA journal_mode=WAL")
        except sqlite3.Error as error:
            raise sa.exc.OperationalError("PRAGMA journal_mode=WAL", None, error) from error
        finally:
            raw.close()


def _upgrade_our_tables(address: Address, engine: sa.Engine) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    with as_file(files("search.storage").joinpath("migrations")) as folder:
        config.set_main_option("script_location", str(folder).replace("%", "%%"))
        config.set_main_option("path_separator", "os")
        # One transaction for tables and version: a migration that is killed has not begun.
        with translated(address), writing(engine).begin() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
            renew_cascades(connection)  # here, so that a migration which adds a table need not think of it


@contextmanager
def _creation_lock(address: Address, engine: sa.Engine) -> Iterator[None]:
    lock = make_lock(address, engine, None)
    if not lock.acquire(_CREATION_SECONDS):
        message = f"expected to create tables within {_CREATION_SECONDS:.0f} s, received another process doing so"
        raise storage_error(address, message, "Try again when it is done.", TransientStorageError)
    try:
        yield
    finally:
        lock.release()


def stored_revisions(address: Address, engine: sa.Engine) -> tuple[str | None, str | None]:
    """The stored versions of Optuna's tables and ours; None for tables that are not there."""
    if address.path is not None and not address.path.exists():
        return None, None
    with reading_values(address), engine.connect() as connection:
        present = sa.inspect(connection).get_table_names()
        optuna, ours = (
            connection.scalar(sa.select(table.c.version_num)) if table.name in present else None
            for table in (optuna_tables.alembic_version, VERSION_TABLE)
        )
    return optuna, ours


def _check_optuna(address: Address, revision: str | None) -> None:
    if revision == optuna_tables.REVISION:
        return
    if revision is None:
        message, remedy = "received none", "`regsearch run` creates them; check the URL if they should exist."
    elif revision in optuna_tables.OLDER_REVISIONS:
        message = f"received version {revision}"
        remedy = "Back the database up, then upgrade it: optuna storage upgrade --storage URL."
    else:
        message = f"received version {revision}"
        remedy = "Install a regsearch that knows this version, or name another database."
    expected = f"expected Optuna's tables of version {optuna_tables.REVISION}"
    kind = MissingStorageError if revision is None else PermanentStorageError
    raise storage_error(address, f"{expected}, {message}", remedy, kind)


def _check_ours(address: Address, revision: str | None) -> None:
    if revision is None or is_known(revision):
        return
    remedy = "They were made by a newer regsearch; install that one, or name another database."
    raise storage_error(address, _other_version(revision), remedy)


def older_error(address: Address, revision: str) -> StorageError:
    """Why nothing is written to tables of ours of an earlier version."""
    return storage_error(
        address, _other_version(revision), "They can be read as they are; `regsearch run` upgrades them."
    )


def _other_version(revision: str) -> str:
    return f"expected regsearch's tables of version {REVISION}, received version {revision}"


def is_known(revision: str) -> bool:
    """Whether this version of our tables is one that we can read and upgrade: they are numbered r0001, r0002, ..."""
    return len(revision) == len(REVISION) and revision <= REVISION
