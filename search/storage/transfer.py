"""A study as rows of all tables: copied to another database, renamed, deleted. Each works on connections that the
caller opened, and never commits.

Which rows are a study's is told by the foreign keys of the tables, Optuna's and ours alike; a table that a migration
adds is copied and deleted with the others.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import sqlalchemy as sa

from search.storage import optuna_tables, studies, tables

_ROWS_AT_ONCE = 500
_OF_A_TRIAL = re.compile(r"(?<=^dashboard:)((?:artifacts:)?)(\d+)(?=:)")
"""In a key of a study's attributes, by which optuna-dashboard keeps notes on trials, and files."""

Row = dict[str, Any]


def copy_study(source: sa.Connection, study_id: int, target: sa.Connection, name: str) -> None:
    """Copy all rows of a study to another database, in the order in which they were written.

    Args:
        source: A connection that sees one moment.
        study_id: The study there.
        target: A connection for writing; the database has the same tables.
        name: The study's name there, which is free.
    """
    ids: dict[str, dict[int, int]] = {}
    for table in _tables_of_studies():
        own = _own_key(table)
        known = ids.setdefault(table.name, {})
        for rows in _read(source, table, study_id):
            told = [_as_new(table, row, ids, name) for row in rows]
            if own is None:
                target.execute(sa.insert(table), told)
                continue
            old = [row.pop(own.name) for row in told]
            inserted = target.scalars(sa.insert(table).returning(own, sort_by_parameter_order=True), told)
            known.update(zip(old, inserted, strict=True))
    before = studies.read_name(source, study_id)
    _keep_first_name(target, ids[optuna_tables.studies.name][study_id], before, name)


def delete_study(connection: sa.Connection, study_id: int) -> None:
    """Delete all rows of a study."""
    for table in reversed(_tables_of_studies()):
        connection.execute(sa.delete(table).where(_is_of(table, study_id)))


def rename_study(connection: sa.Connection, study_id: int, name: str) -> None:
    """Give a study another name, which is free."""
    _keep_first_name(connection, study_id, studies.read_name(connection, study_id), name)
    for table in (optuna_tables.studies, tables.studies):
        (row,) = connection.execute(sa.select(table).where(table.c.study_id == study_id)).mappings()
        connection.execute(
            sa.update(table).where(table.c.study_id == study_id).values(_renamed(table, dict(row), name))
        )


def _keep_first_name(connection: sa.Connection, study_id: int, before: str | None, name: str) -> None:
    """Keep the name that a study was begun with: what is drawn from it is drawn as before."""
    if before != name and studies.read_attribute(connection, study_id, studies.BEGUN_AS_KEY) is None:
        studies.write_attribute(connection, study_id, studies.BEGUN_AS_KEY, before)


@functools.cache
def _tables_of_studies() -> list[sa.Table]:
    """The tables with rows of studies, each behind those that it refers to."""
    every = [*optuna_tables.METADATA.tables.values(), *tables.METADATA.tables.values()]
    found = sa.schema.sort_tables([table for table in every if _parent_of(table) or table is optuna_tables.studies])
    # Some of its keys name trials.
    return sorted(found, key=lambda table: table is optuna_tables.study_system_attributes)


def _parent_of(table: sa.Table) -> sa.ForeignKey | None:
    """The foreign key that says whose rows are in a table."""
    return next(iter(table.foreign_keys), None)


def _is_of(table: sa.Table, study_id: int) -> sa.ColumnElement[bool]:
    key = _parent_of(table)
    if key is None or key.column.name == optuna_tables.studies.c.study_id.name:
        return table.c.study_id == study_id
    return key.parent.in_(sa.select(key.column).where(_is_of(key.column.table, study_id)))


def _own_key(table: sa.Table) -> sa.Column[Any] | None:
    """The column of a key that the database gives out."""
    keys = list(table.primary_key)
    return keys[0] if len(keys) == 1 and not keys[0].foreign_keys else None


def _read(connection: sa.Connection, table: sa.Table, study_id: int) -> Iterator[list[Row]]:
    query = sa.select(table).where(_is_of(table, study_id)).order_by(*table.primary_key)
    for rows in connection.execution_options(yield_per=_ROWS_AT_ONCE).execute(query).mappings().partitions():
        yield [dict(row) for row in rows]


def _as_new(table: sa.Table, row: Row, ids: Mapping[str, Mapping[int, int]], name: str) -> Row:
    """A row as it is in the other database, apart from a key that is given out there."""
    changed = _renamed(table, row, name)
    if table is optuna_tables.study_system_attributes:
        trials = ids[optuna_tables.trials.name]
        changed["key"] = _OF_A_TRIAL.sub(lambda found: f"{found[1]}{trials.get(int(found[2]), found[2])}", row["key"])
    for key in table.foreign_keys:
        parent = key.column.table if key.column.table is not tables.studies else optuna_tables.studies
        changed[key.parent.name] = ids[parent.name][row[key.parent.name]]
    return {**row, **changed}


def _renamed(table: sa.Table, row: Row, name: str) -> Row:
    """What of a row says the study's name."""
    if table is optuna_tables.studies:
        return {"study_name": name}
    if table is tables.studies:
        spec = json.loads(row["spec"])
        return {"spec": json.dumps({**spec, "study": {**spec.get("study", {}), "name": name}})}
    return {}
