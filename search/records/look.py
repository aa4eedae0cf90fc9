"""A look at sealed rows."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Look:
    """One look at the sealed rows of a study, as the storage holds it. It is written down before anything is seen.

    Args:
        look_id: Its key; looks are numbered in the order in which they began.
        at: When it began, UTC, naive.
        command: What the user asked for.
        rows_sha256: Fingerprint of the rows, in hexadecimal.
        n_trials: Trials that had ended by then.
        result: What was seen, JSON-ready; None while it is not known, as after a crash.
    """

    look_id: int
    at: dt.datetime
    command: str
    rows_sha256: str
    n_trials: int
    result: Mapping[str, Any] | None = None
