"""Statements about what follows a search, each on a connection that the caller opened: its verdict, analyses of its
choice, and looks at its sealed rows.

Numbers in the JSON are finite, as JSON's are; whoever has none writes null.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from search.records import Look, StoredAnalysis, StoredVerdict
from search.storage import tables
from search.storage.studies import utc_now
from search.storage.texts import storable
from search.storage.writing import lock_study


def write_verdict(connection: sa.Connection, study_id: int, verdict: Mapping[str, Any], n_trials: int) -> None:
    """Write what a study came to, in the place of what it came to before.

    Raises:
        TrialRefusedError: The study was deleted. The caller must roll back.
        ValueError: A number is not finite.
    """
    verdicts = tables.verdicts
    row = {"study_id": study_id, "verdict": _to_json(verdict), "n_trials": n_trials, "decided": utc_now()}
    lock_study(connection, study_id)
    connection.execute(sa.delete(verdicts).where(verdicts.c.study_id == study_id))
    connection.execute(sa.insert(verdicts), [row])


def read_verdict(connection: sa.Connection, study_id: int) -> StoredVerdict | None:
    """What a study came to; None when that was never decided."""
    verdicts = tables.verdicts
    row = connection.execute(sa.select(verdicts).where(verdicts.c.study_id == study_id)).one_or_none()
    return None if row is None else StoredVerdict(_from_json(row.verdict), row.n_trials, row.decided)


def write_analysis(connection: sa.Connection, study_id: int, kind: str, key: str, document: Mapping[str, Any]) -> None:
    """Write what was found out about the choice of a study, in the place of what was there of this kind and key.

    Raises:
        TrialRefusedError: The study was deleted. The caller must roll back.
        ValueError: A number is not finite.
    """
    analyses = tables.analyses
    row = {"study_id": study_id, "kind": kind, "key": key, "document": _to_json(document), "at": utc_now()}
    lock_study(connection, study_id)
    connection.execute(sa.delete(analyses).where(_is_analysis(study_id, kind, key)))
    connection.execute(sa.insert(analyses), [row])


def read_analysis(connection: sa.Connection, study_id: int, kind: str, key: str) -> StoredAnalysis | None:
    """What was found out about the choice of a study; None where nothing was."""
    row = connection.execute(sa.select(tables.analyses).where(_is_analysis(study_id, kind, key))).one_or_none()
    return None if row is None else StoredAnalysis(_from_json(row.document), row.at)


def insert_look(connection: sa.Connection, study_id: int, command: str, rows_sha256: str, n_trials: int) -> int:
    """Write down that a look begins; its key.

    Raises:
        TrialRefusedError: The study was deleted. The caller must roll back.
    """
    lock_study(connection, study_id)
    insert = sa.insert(tables.looks).values(
        study_id=study_id, at=utc_now(), command=storable(command), rows_sha256=rows_sha256, n_trials=n_trials
    )
    look_id: int = connection.scalars(insert.returning(tables.looks.c.look_id)).one()
    return look_id


def end_look(connection: sa.Connection, look_id: int, result: Mapping[str, Any]) -> bool:
    """Write down what was seen; False when there is no such look, or it has ended.

    Raises:
        ValueError: A number is not finite.
    """
    looks = tables.looks
    is_open = (looks.c.look_id == look_id) & looks.c.result.is_(None)
    return connection.execute(sa.update(looks).where(is_open).values(result=_to_json(result))).rowcount == 1


def read_looks(connection: sa.Connection, study_id: int) -> list[Look]:
    """The looks at the sealed rows of a study, in the order in which they began."""
    looks = tables.looks
    query = sa.select(looks).where(looks.c.study_id == study_id).order_by(looks.c.look_id)
    return [
        Look(
            look_id=row.look_id,
            at=row.at,
            command=row.command,
            rows_sha256=row.rows_sha256,
            n_trials=row.n_trials,
            result=None if row.result is None else _from_json(row.result),
        )
        for row in connection.execute(query)
    ]


def _is_analysis(study_id: int, kind: str, key: str) -> sa.ColumnElement[bool]:
    columns = tables.analyses.c
    return (columns.study_id == study_id) & (columns.kind == kind) & (columns.key == key)


def _to_json(value: Mapping[str, Any]) -> str:
    return json.dumps(value, allow_nan=False)


def _from_json(text: str) -> dict[str, Any]:
    document = json.loads(text)
    if not isinstance(document, dict):
        raise ValueError(f"expected a document, received {text[:40]}")
    return document
