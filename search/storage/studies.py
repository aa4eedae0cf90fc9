"""Statements about studies, each on a connection that the caller opened."""

from __future__ import annotations

import datetime as dt
import json
import os
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import sqlalchemy as sa

from search.records import Coordinator, Direction, StoredTable, StudyFacts, StudyRecord
from search.storage import optuna_tables, tables
from search.storage.display import name_metric

_VERSIONS_OF = ("regsearch", "optuna", "keras", "tensorflow", "numpy", "scikit-learn")

BEGUN_AS_KEY = "begun_as"
"""Of what is kept with a study: the name that it was begun with, where it has another one now."""

_PREFIX = "regsearch:"  # of the attributes of a study that Optuna shows
_DIRECTIONS: Mapping[str, Direction] = {"MINIMIZE": "minimize", "MAXIMIZE": "maximize"}


class UnreadableStudyError(Exception):
    """A row of ours is not as we write it: `expected ..., received ...`."""


def utc_now() -> dt.datetime:
    """Now, in UTC without a time zone, as Optuna's tables hold it."""
    return dt.datetime.now(dt.UTC).replace(tzinfo=None)


def read_studies(connection: sa.Connection) -> list[StudyRecord]:
    """Our studies, in order of creation.

    Raises:
        UnreadableStudyError: What is stored of one is of a version that we do not know.
    """
    theirs, ours, directions = optuna_tables.studies, tables.studies, optuna_tables.study_directions
    query = (
        sa.select(theirs.c.study_name, directions.c.direction, ours)
        .join(ours, ours.c.study_id == theirs.c.study_id)
        .join(directions, directions.c.study_id == theirs.c.study_id)
        .where(directions.c.objective == 0)
        .order_by(theirs.c.study_id)
    )
    return [
        StudyRecord(
            name=row.study_name,
            study_id=row.study_id,
            direction=_DIRECTIONS[row.direction],
            metric=row.metric,
            spec=_read_spec(row.spec),
            data_sha256=row.data_sha256,
            facts=_read_facts(row.study_name, row.facts),
            created=row.created,
            n_trials=row.n_trials,
            stop_requested=row.stop_requested,
            notes=tuple(json.loads(row.notes)),
            versions=json.loads(row.versions),
        )
        for row in map(_checked, connection.execute(query))
    ]


def _checked(row: sa.Row[Any]) -> sa.Row[Any]:
    """A row whose cells are of the kinds that they were written in, which SQLite does not see to."""
    for name, kind in (("study_name", str), ("metric", str), ("data_sha256", str), ("n_trials", int)):
        if not isinstance(value := getattr(row, name), kind):
            raise TypeError(f"expected {name} of kind {kind.__name__}, received {value!r}")
    return row


def _read_spec(stored: str) -> StoredTable:
    document = json.loads(stored, object_hook=StoredTable)
    if not isinstance(document, StoredTable):
        raise TypeError(f"expected a study file, received {stored[:40]}")
    return document


def _read_facts(name: str, stored: str) -> StudyFacts:
    try:
        return StudyFacts.from_json(json.loads(stored))
    except ValueError as error:
        raise UnreadableStudyError(f"study {name}: {error}") from error


def read_our_names(connection: sa.Connection) -> list[str]:
    """The names of our studies, in order of creation."""
    theirs, ours = optuna_tables.studies, tables.studies
    query = sa.select(theirs.c.study_name).join(ours, ours.c.study_id == theirs.c.study_id)
    return [_text(name) for name in connection.scalars(query.order_by(theirs.c.study_id))]


def read_names(connection: sa.Connection) -> list[str]:
    """The names of all studies, of whatever program."""
    names = sa.select(optuna_tables.studies.c.study_name).order_by(optuna_tables.studies.c.study_id)
    return [_text(name) for name in connection.scalars(names)]


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"expected a name, received {value!r}")
    return value


def read_name(connection: sa.Connection, study_id: int) -> str | None:
    """The name of one of our studies; None where there is none of that key."""
    theirs, ours = optuna_tables.studies, tables.studies
    query = sa.select(theirs.c.study_name).join(ours, ours.c.study_id == theirs.c.study_id)
    return connection.scalar(query.where(ours.c.study_id == study_id))


def read_study_id(connection: sa.Connection, name: str) -> int | None:
    """The key of one of our studies; None where there is none of that name."""
    theirs, ours = optuna_tables.studies, tables.studies
    query = sa.select(ours.c.study_id).join(theirs, ours.c.study_id == theirs.c.study_id)
    return connection.scalar(query.where(theirs.c.study_name == name))


def insert_study(
    connection: sa.Connection,
    *,
    name: str,
    direction: Direction,
    metric: str,
    spec: Mapping[str, Any],
    data_sha256: str,
    facts: StudyFacts,
    n_trials: int,
    notes: Sequence[str],
) -> None:
    """Write a new study: Optuna's rows, with attributes that its dashboard shows, and ours."""
    insert = sa.insert(optuna_tables.studies).values(study_name=name)
    study_id = connection.scalars(insert.returning(optuna_tables.studies.c.study_id)).one()
    connection.execute(
        sa.insert(optuna_tables.study_directions).values(study_id=study_id, objective=0, direction=direction.upper())
    )
    shown = {f"{_PREFIX}metric": metric, f"{_PREFIX}data_sha256": data_sha256}
    connection.execute(
        sa.insert(optuna_tables.study_user_attributes),
        [{"study_id": study_id, "key": key, "value_json": json.dumps(value)} for key, value in shown.items()],
    )
    name_metric(connection, study_id, metric)
    connection.execute(
        sa.insert(tables.studies).values(
            study_id=study_id,
            spec=json.dumps(spec, allow_nan=False),
            metric=metric,
            data_sha256=data_sha256,
            facts=json.dumps(facts.to_json(), allow_nan=False),
            created=utc_now(),
            n_trials=n_trials,
            stop_requested=False,
            versions=json.dumps(installed_versions()),
            notes=json.dumps(list(notes)),
        )
    )


def update_study(connection: sa.Connection, study_id: int, **values: int | bool | str) -> bool:
    """Set columns of our row; False when the study is gone."""
    result = connection.execute(sa.update(tables.studies).where(tables.studies.c.study_id == study_id).values(**values))
    return result.rowcount == 1


def write_attribute(connection: sa.Connection, study_id: int, key: str, value: Any) -> None:
    """Set one of Optuna's user attributes of a study."""
    attributes = optuna_tables.study_user_attributes
    row = {"study_id": study_id, "key": f"{_PREFIX}{key}"}
    this = (attributes.c.study_id == study_id) & (attributes.c.key == row["key"])
    connection.execute(sa.delete(attributes).where(this))
    connection.execute(sa.insert(attributes), [{**row, "value_json": json.dumps(value)}])


def read_attribute(connection: sa.Connection, study_id: int, key: str) -> Any:
    """The value that `write_attribute` wrote; None when there is none."""
    attributes = optuna_tables.study_user_attributes
    this = (attributes.c.study_id == study_id) & (attributes.c.key == f"{_PREFIX}{key}")
    found = connection.scalar(sa.select(attributes.c.value_json).where(this))
    return None if found is None else json.loads(found)


@dataclass(frozen=True)
class Budget:
    """What a study was asked for last.

    Args:
        n_trials: The total that the latest `run` asked for.
        stop_requested: Whether `regsearch stop` asked the coordinator to drain.
    """

    n_trials: int
    stop_requested: bool


def read_budget(connection: sa.Connection, study_id: int) -> Budget | None:
    """What the study was asked for last; None when it is gone."""
    ours = tables.studies
    query = sa.select(ours.c.n_trials, ours.c.stop_requested).where(ours.c.study_id == study_id)
    row = connection.execute(query).one_or_none()
    return None if row is None else Budget(row.n_trials, row.stop_requested)


def read_stop_requested(connection: sa.Connection, study_id: int) -> bool | None:
    """Whether the study is asked to stop; None when it is gone."""
    return connection.scalar(sa.select(tables.studies.c.stop_requested).where(tables.studies.c.study_id == study_id))


def read_coordinator(connection: sa.Connection, name: str) -> Coordinator | None:
    """Who took the study's lock last and did not put it back; the process may be dead."""
    who = tables.coordinators
    row = connection.execute(sa.select(who).where(who.c.study_name == name)).one_or_none()
    return None if row is None else Coordinator(row.host, row.pid, row.since)


def write_coordinator(connection: sa.Connection, name: str) -> Coordinator:
    """Write down that this process holds the study, whoever did before."""
    who = tables.coordinators
    connection.execute(sa.delete(who).where(who.c.study_name == name))
    row: dict[str, Any] = {"study_name": name, "host": socket.gethostname(), "pid": os.getpid(), "since": utc_now()}
    connection.execute(sa.insert(who), [row])
    return Coordinator(row["host"], row["pid"], row["since"])


def delete_coordinator(connection: sa.Connection, name: str) -> None:
    """Write down that this process no longer holds the study; another's name, after a lost lock, stays."""
    who = tables.coordinators
    mine = (who.c.host == socket.gethostname()) & (who.c.pid == os.getpid())
    connection.execute(sa.delete(who).where(who.c.study_name == name, mine))


def installed_versions() -> dict[str, str]:
    """The versions of the packages that results depend on."""
    found = {}
    for package in _VERSIONS_OF:
        try:
            found[package] = version(package)
        except PackageNotFoundError:  # a checkout on the path, never installed
            continue
    return found
