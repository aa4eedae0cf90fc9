"""A database that another program keeps its own tables in is refused before a byte is written."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.schema import CreateTable

from search.errors import PermanentStorageError
from search.storage import open_storage, optuna_tables


def tables_of(connection: sa.Connection) -> set[str]:
    connection.rollback()
    return set(sa.inspect(connection.engine).get_table_names())


def refusal(url: str, *, create: bool) -> str:
    with pytest.raises(PermanentStorageError) as caught:
        open_storage(url, create=create)
    return str(caught.value)


@pytest.mark.parametrize(
    ("statements", "named"),
    [
        (["CREATE TABLE customers (id INTEGER, name TEXT)"], "customers"),
        # Of the names that Optuna has, with columns of its own.
        (["CREATE TABLE studies (id INTEGER)", "CREATE TABLE trials (id INTEGER, patient TEXT)"], "studies, trials"),
        (["CREATE TABLE alembic_version (version_num VARCHAR(32))", "CREATE TABLE users (id INTEGER)"], "users"),
        ([f"CREATE TABLE t{number} (id INTEGER)" for number in range(7)], "t0, t1, t2, t3, t4 ..."),
    ],
)
def test_other_tables_are_refused_and_left_alone(
    storage_url: str, connection: sa.Connection, statements: list[str], named: str
) -> None:
    for statement in statements:
        connection.execute(sa.text(statement))
    if "users" in named:
        connection.execute(sa.text("INSERT INTO alembic_version VALUES ('1a2b3c')"))
    connection.commit()
    before = tables_of(connection)
    path = sa.make_url(storage_url).database if storage_url.startswith("sqlite") else None
    content = Path(path).read_bytes() if path else b""
    for create in (True, False):
        said = refusal(storage_url, create=create)
        assert (
            f"expected an empty database or one of Optuna's, received one with tables of another program ({named})"
            in said
        )
    assert tables_of(connection) == before
    if path:
        assert Path(path).read_bytes() == content
        assert sorted(each.name for each in Path(path).parent.glob(f"{Path(path).name}*")) == [Path(path).name]


def test_tables_that_a_killed_creation_left_are_no_others(storage_url: str, connection: sa.Connection) -> None:
    connection.execute(CreateTable(optuna_tables.studies))
    connection.commit()
    open_storage(storage_url, create=True).close()
    assert set(optuna_tables.METADATA.tables) <= tables_of(connection)


def test_optunas_database_may_hold_more(storage_url: str, connection: sa.Connection) -> None:
    open_storage(storage_url, create=True).close()
    connection.execute(sa.text("CREATE TABLE notes (id INTEGER)"))
    connection.commit()
    open_storage(storage_url, create=True).close()
    open_storage(storage_url).close()
