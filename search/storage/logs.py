"""Statements about logs: what errors of runs said in full, of the latest runs of a study that failed."""

from __future__ import annotations

from collections.abc import Mapping

import sqlalchemy as sa

from search.records import FailureCause, Purpose, RunLog
from search.storage import tables
from search.storage.studies import utc_now
from search.storage.texts import storable

MAX_LOGS = 300
"""Logs a study keeps: with those of 16,000 characters that runs send it is 5 MB at most."""


def insert_logs(connection: sa.Connection, study_id: int, logs: Mapping[int, str]) -> None:
    """Write logs by the keys of their runs; what is more than a study keeps makes room, the oldest first."""
    if not logs:
        return
    now = utc_now()
    rows = [{"run_id": key, "at": now, "log": storable(log)} for key, log in logs.items()]
    connection.execute(sa.insert(tables.logs), rows)
    theirs = (
        sa.select(tables.logs.c.run_id)
        .join(tables.runs, tables.runs.c.run_id == tables.logs.c.run_id)
        .where(tables.runs.c.study_id == study_id)
        .order_by(tables.logs.c.run_id.desc())
    )
    oldest_kept = connection.scalar(theirs.offset(MAX_LOGS - 1).limit(1))
    if oldest_kept is not None:
        in_the_way = theirs.where(tables.logs.c.run_id < oldest_kept).order_by(None)
        connection.execute(sa.delete(tables.logs).where(tables.logs.c.run_id.in_(in_the_way)))


def read_logs(connection: sa.Connection, study_id: int, trial: int | None) -> list[RunLog]:
    """The runs that failed, of one trial or of all, of whatever purpose, by trial and then as written."""
    runs, logs = tables.runs, tables.logs
    query = (
        sa.select(runs, logs.c.at, logs.c.log)
        .join(logs, logs.c.run_id == runs.c.run_id, isouter=True)
        .where(runs.c.study_id == study_id, runs.c.error.is_not(None))
    )
    if trial is not None:
        query = query.where(runs.c.trial_number == trial)
    return [
        RunLog(
            trial=row.trial_number,
            purpose=Purpose(row.purpose),
            fold=row.fold,
            repeat=row.repeat,
            seed=row.seed,
            error=row.error,
            cause=next((cause for cause in FailureCause if cause.value == row.cause), None),
            seconds=row.seconds,
            engine=row.engine,
            worker=row.worker,
            at=row.at,
            log=row.log,
        )
        for row in connection.execute(query.order_by(runs.c.trial_number, runs.c.run_id))
    ]
