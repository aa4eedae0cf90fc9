"""A verdict as the storage holds it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class StoredVerdict:
    """What a study came to, when that was last decided.

    Args:
        verdict: What was decided, JSON-ready; who decides knows its keys.
        n_trials: Trials that had ended: with more of them by now, it is out of date.
        decided: When, UTC, naive.
    """

    verdict: Mapping[str, Any]
    n_trials: int
    decided: dt.datetime
