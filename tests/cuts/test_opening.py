"""A database that is being made, or upgraded, when the process is killed: the next one makes it whole."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from optuna.storages import RDBStorage
from optuna.study import StudyDirection

from search.errors import StorageError
from search.storage import KNOWN_REVISION, open_storage
from tests.cuts.cutting import Story
from tests.storage.test_schema import ROWS, migrate

OLDER = [f"r{number:04}" for number in range(1, int(KNOWN_REVISION[1:]))]
MISSING = {
    "expected Optuna's tables of version v3.2.0.a, received none",
    "expected the file s.db to exist, received none",
}


class Opening(Story):
    """A database is opened for writing.

    Args:
        revision: Of our tables that are in it, with a study; `none` for Optuna's alone, with one of theirs; empty where
            there is no table yet.
    """

    def __init__(self, revision):
        self._revision = revision

    def begin(self, place):
        if not self._revision:
            return
        theirs = RDBStorage(place.url)
        if self._revision == "none":
            theirs.create_new_study([StudyDirection.MINIMIZE], "theirs")
        theirs.remove_session()
        theirs.engine.dispose()
        if self._revision != "none":
            with sa.create_engine(place.url, poolclass=sa.NullPool).connect() as connection:
                migrate(connection, self._revision)
                for statement in ROWS:
                    connection.execute(sa.text(statement))
                connection.commit()

    def happen(self, place):
        open_storage(place.url, create=True).close()

    def standing(self, place):
        """What who only reads is told."""
        try:
            with open_storage(place.url) as storage:
                return (*storage.study_names(), *storage.foreign_studies())
        except StorageError as error:
            said = str(error).partition(": ")[2].partition(". ")[0]
            return said.replace(f"{place.folder}/", "")

    def outcome(self, place):
        """Every table with its columns, keys, indices and rows, and the triggers."""
        engine = sa.create_engine(place.url, poolclass=sa.NullPool)
        with engine.connect() as connection:
            found = sa.inspect(connection)
            told = {
                name: (
                    [(column["name"], str(column["type"]), column["nullable"]) for column in found.get_columns(name)],
                    found.get_foreign_keys(name),
                    sorted(index["name"] for index in found.get_indexes(name)),
                    [tuple(row) for row in connection.exec_driver_sql(f"SELECT * FROM {name}")],
                )
                for name in sorted(found.get_table_names())
            }
            if engine.dialect.name == "sqlite":
                kept = "SELECT type, name, sql FROM sqlite_schema ORDER BY type, name"
                told["sqlite"] = (
                    connection.exec_driver_sql(kept).all(),
                    connection.exec_driver_sql("PRAGMA journal_mode").scalar(),
                )
        return told


def test_a_database_that_is_made_when_a_process_is_killed_is_made_whole_by_the_next(tell):
    """Optuna makes each of its tables in a transaction of its own."""
    told = tell(Opening(""), twice=True)
    assert len(told.cuts) > 20
    assert [cut.moment for cut in told.cuts if cut.outcome != told.outcome] == []
    assert {cut.standing for cut in told.cuts} == MISSING | {()}, "expected no half that looks like a whole"
    assert told.outcome["sqlite"][1] == "wal"


@pytest.mark.parametrize("revision", ["none", *OLDER])
def test_a_database_that_is_upgraded_when_a_process_is_killed_is_older_or_upgraded(revision, tell):
    told = tell(Opening(revision), twice=True)
    assert len(told.cuts) > 2
    assert [cut.moment for cut in told.cuts if cut.outcome != told.outcome] == []
    name = "theirs" if revision == "none" else "moons"
    assert {told.before, *(cut.standing for cut in told.cuts)} == {(name,)}, "expected that it is read at any moment"


@pytest.mark.parametrize("revision", ["", OLDER[0], OLDER[-1]])
def test_a_server_whose_tables_are_made_when_a_process_is_killed_has_them_whole(revision, tell, postgresql):
    told = tell(Opening(revision), postgresql, twice=True)
    assert told.cuts
    assert [cut.moment for cut in told.cuts if cut.outcome != told.outcome] == []
    assert {cut.standing for cut in told.cuts} <= {told.before, (), ("moons",)}
