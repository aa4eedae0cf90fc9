"""What a session does when its search is over, kept with the study for whoever watches from another process."""

from __future__ import annotations

import contextlib
import datetime as dt
from typing import Any

from search.coordination.progress import Confirming
from search.errors import StorageError
from search.records import Coordinator, Purpose
from search.storage import Storage

_KEY = "phase"


def keep_phase(storage: Storage, study_id: int, phase: Confirming | str) -> None:
    """Keep what is done now: a repeat of the confirmation begins, or something in words. It is lost without harm.

    Args:
        storage: An open database.
        study_id: The study.
        phase: What begins. Of a confirmation only how it begins is kept, for its runs can be counted.
    """
    with contextlib.suppress(StorageError):
        told: dict[str, Any] = {"at": dt.datetime.now(dt.UTC).replace(tzinfo=None).isoformat()}
        if isinstance(phase, str):
            told["words"] = phase
        else:
            stored = storage.count_runs(study_id, Purpose.CONFIRMATION)
            told |= {"repeat": phase.repeat, "finalists": list(phase.finalists), "total": phase.total}
            told["before"] = stored - phase.done
        storage.remember(study_id, _KEY, told)


def find_phase(storage: Storage, study_id: int, holder: Coordinator, n_confirming: int) -> str:
    """What the coordinator does beside the search, in words; empty where it has said nothing in this session.

    Args:
        storage: An open database.
        study_id: The study.
        holder: Its coordinator.
        n_confirming: Runs of the confirmation that are stored.
    """
    told = storage.recall(study_id, _KEY)
    if not isinstance(told, dict) or dt.datetime.fromisoformat(told["at"]) < holder.since:
        return ""
    if "words" in told:
        return str(told["words"])
    done = min(max(0, n_confirming - told["before"]), told["total"])
    return Confirming(told["repeat"], tuple(told["finalists"]), done, told["total"]).in_words()
