"""What other programs show of a study, as attributes that Optuna and optuna-dashboard know: its metric's name, a note.

Optuna keeps such attributes apart from those of users. A note has a version, which optuna-dashboard raises by one each
time that somebody saves it; by the version that was written here last, a note of somebody else is told from ours.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from search.storage import optuna_tables

METRIC_NAMES = "study:metric_names"
"""Optuna's own: names of the objectives."""

NOTE_VERSION, NOTE_TEXT = "dashboard:note_ver", "dashboard:note_str:"
"""optuna-dashboard's own: a note's version, and its text, cut into pieces with numbers behind this prefix."""

OUR_NOTE_VERSION = "regsearch:note_ver"
"""Ours: the version under which our note was written last."""

_PIECE = 2045
"""Characters of a piece, as in optuna-dashboard."""


def read_system_attributes(connection: sa.Connection, study_id: int) -> dict[str, Any]:
    """All that programs keep with a study, which is no user's attribute."""
    attributes = optuna_tables.study_system_attributes
    query = sa.select(attributes.c.key, attributes.c.value_json).where(attributes.c.study_id == study_id)
    return {key: json.loads(value) for key, value in connection.execute(query.order_by(attributes.c.key))}


def name_metric(connection: sa.Connection, study_id: int, metric: str) -> None:
    """Have Optuna call the objective by its name, unless it has one."""
    attributes = optuna_tables.study_system_attributes
    known = sa.select(attributes.c.key).where(attributes.c.study_id == study_id, attributes.c.key == METRIC_NAMES)
    if connection.execute(known).first() is None:
        _write(connection, study_id, {METRIC_NAMES: [metric]})


def write_note(connection: sa.Connection, study_id: int, text: str) -> None:
    """Write our note on a study, in the place of our last one; a note of somebody else stays as it is."""
    known = read_system_attributes(connection, study_id)
    if not is_note_ours(known) or read_note(known) == text:
        return
    version = known.get(NOTE_VERSION, 0) + 1
    pieces = [text[start : start + _PIECE] for start in range(0, len(text), _PIECE)]
    # A piece too many is emptied, as optuna-dashboard does: it counts them.
    pieces += [""] * (sum(key.startswith(NOTE_TEXT) for key in known) - len(pieces))
    told = {f"{NOTE_TEXT}{number}": piece for number, piece in enumerate(pieces)}
    _write(connection, study_id, {NOTE_VERSION: version, OUR_NOTE_VERSION: version, **told})


def is_note_ours(attributes: Mapping[str, Any]) -> bool:
    """Whether the note on a study is one that was written here, or none: nobody else's."""
    return attributes.get(NOTE_VERSION, 0) == attributes.get(OUR_NOTE_VERSION, 0) or not read_note(attributes)


def read_note(attributes: Mapping[str, Any]) -> str:
    """The note on a study among its attributes; empty where there is none."""
    pieces = [key for key in attributes if key.startswith(NOTE_TEXT)]
    return "".join(attributes.get(f"{NOTE_TEXT}{number}", "") for number in range(len(pieces)))


def _write(connection: sa.Connection, study_id: int, values: Mapping[str, Any]) -> None:
    attributes = optuna_tables.study_system_attributes
    theirs = (attributes.c.study_id == study_id) & attributes.c.key.in_(values)
    connection.execute(sa.delete(attributes).where(theirs))
    rows = [{"study_id": study_id, "key": key, "value_json": json.dumps(value)} for key, value in values.items()]
    connection.execute(sa.insert(attributes), rows)
