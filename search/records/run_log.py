"""A run that failed, and all that its error said."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from search.records.run import FailureCause, Purpose


@dataclass(frozen=True)
class RunLog:
    """What is kept of a run that failed; the fields are those of `Run` and `RunResult`.

    Args:
        at: When it was written down, UTC, naive; None where no log was kept.
        log: All that its error said, with where it was raised; None where `error` says all, or the log made room for
            later ones.
    """

    trial: int
    purpose: Purpose
    fold: int
    repeat: int
    seed: int
    error: str
    cause: FailureCause | None
    seconds: float
    engine: str
    worker: str
    at: dt.datetime | None = None
    log: str | None = None

    def to_json(self) -> dict[str, Any]:
        """JSON-ready; the time as ISO 8601 in UTC."""
        return {
            "trial": self.trial,
            "purpose": self.purpose.value,
            "fold": self.fold,
            "repeat": self.repeat,
            "seed": self.seed,
            "error": self.error,
            "cause": None if self.cause is None else self.cause.value,
            "seconds": self.seconds,
            "engine": self.engine,
            "worker": self.worker,
            "at": None if self.at is None else f"{self.at.isoformat(timespec='seconds')}Z",
            "log": self.log,
        }
