"""A study as the storage holds it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from search.records.facts import StudyFacts

Direction = Literal["minimize", "maximize"]


@dataclass(frozen=True)
class Coordinator:
    """Who holds a study: the process that asks, tells and writes."""

    host: str
    pid: int
    since: dt.datetime


@dataclass(frozen=True)
class StudyRecord:
    """A study as the storage holds it.

    Args:
        name: Name of the study, unique in its storage.
        study_id: Optuna's key of the study.
        direction: Whether a low or a high score is good.
        metric: Name of the score.
        spec: The resolved study file, as JSON-ready values.
        data_sha256: Fingerprint of the data, in hexadecimal.
        facts: What the data is like.
        created: UTC, naive.
        n_trials: The total that the latest `run` asked for.
        stop_requested: Whether `regsearch stop` asked the coordinator to drain.
        notes: What the user should know about data, split and settings, one sentence or two each, as the latest
            session found; empty also for a study that an earlier version began.
        versions: Of the packages that began it, by their names.
    """

    name: str
    study_id: int
    direction: Direction
    metric: str
    spec: Mapping[str, Any]
    data_sha256: str
    facts: StudyFacts
    created: dt.datetime
    n_trials: int
    stop_requested: bool = False
    notes: tuple[str, ...] = ()
    versions: Mapping[str, str] = field(default_factory=dict)
