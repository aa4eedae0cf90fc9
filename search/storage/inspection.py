"""What a database is like, told without refusing any: for those who ask why it cannot be used."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from search.storage import optuna_tables, schema, studies
from search.storage.address import Address, parse_address
from search.storage.engine import make_engine, reading_values


@dataclass(frozen=True)
class Inspection:
    """What a database is like.

    Args:
        url_shown: Its URL, passwords masked.
        path: The SQLite file; None for a server.
        kind: The program behind it with its version: `SQLite 3.45.1`.
        optuna_revision: Version of Optuna's tables; None where there are none.
        our_revision: Version of ours; None where there are none.
        n_studies: Our studies.
        n_foreign: Studies that other programs made with Optuna.
        journal: SQLite's journal mode, `wal` where readers and the writer do not wait for each other; else None.
    """

    url_shown: str
    path: Path | None
    kind: str
    optuna_revision: str | None
    our_revision: str | None
    n_studies: int
    n_foreign: int
    journal: str | None

    @property
    def is_older(self) -> bool:
        """Whether our tables are of a version that the next `regsearch run` upgrades."""
        ours = self.our_revision
        return ours is not None and ours != schema.REVISION and schema.is_known(ours)

    @property
    def optuna_is_older(self) -> bool:
        """Whether Optuna's tables are of a version that `optuna storage upgrade` upgrades."""
        return self.optuna_revision in optuna_tables.OLDER_REVISIONS


KNOWN_REVISION = schema.REVISION
KNOWN_OPTUNA_REVISION = optuna_tables.REVISION


def locate_storage(url: str) -> tuple[str, Path | None]:
    """The URL with its password masked, and the SQLite file, which need not exist; None for a server.

    Raises:
        UsageError: The URL cannot be used.
    """
    address = parse_address(url)
    return address.shown, address.path


def inspect_storage(url: str, patience_seconds: float) -> Inspection:
    """Look at a database that exists; nothing is written, and tables of whatever version are met.

    Args:
        url: As `open_storage` takes it.
        patience_seconds: How long a locked file or a silent server is waited for.
    Raises:
        UsageError: The URL cannot be used.
        StorageError: It cannot be reached or read.
    """
    address = parse_address(url)
    engine = make_engine(address, patience_seconds)
    try:
        return _inspect(address, engine)
    finally:
        engine.dispose()


def _inspect(address: Address, engine: sa.Engine) -> Inspection:
    optuna, ours = schema.stored_revisions(address, engine)
    with reading_values(address), engine.connect() as connection:
        names = studies.read_names(connection) if optuna is not None else []
        n_studies = len(studies.read_our_names(connection)) if ours is not None else 0
        journal = None
        if address.path is None:
            kind = f"PostgreSQL {connection.scalar(sa.text('SHOW server_version'))}"
        else:
            kind = f"SQLite {connection.scalar(sa.text('SELECT sqlite_version()'))}"
            journal = str(connection.scalar(sa.text("PRAGMA journal_mode")))
    return Inspection(address.shown, address.path, kind, optuna, ours, n_studies, len(names) - n_studies, journal)
