"""An analysis of a study's choice as the storage holds it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class StoredAnalysis:
    """What was found out about the choice of a study, when that was last looked into.

    Args:
        document: What was asked, what the choice was, and what came of it, JSON-ready; who asks knows its keys.
        at: When it ended, UTC, naive.
    """

    document: Mapping[str, Any]
    at: dt.datetime
