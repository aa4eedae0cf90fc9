"""How long a task may take before it counts as one that hangs, and how often that may be."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable

from search.dispatch.tasks import Task, TrainTask
from search.execution import Running

MOST_HANGS = 3
"""So often a run is tried that does not end; then it fails."""

_MULTIPLE = 20.0
_LEAST_SECONDS = 300.0
_UNKNOWN_SECONDS = 7200.0


class Hanging:
    """Tells tasks that hang from tasks that take long.

    A limit that the user set is one on a run's whole time. Without it a task hangs that gives no sign for 20 times as
    long as the longest run has taken, 300 s at least; before the first has ended, and for what is no run, for 2 h.

    Args:
        limit_seconds: How long a run may take; None where the user set no limit.
    """

    def __init__(self, limit_seconds: float | None = None) -> None:
        self._limit_seconds = limit_seconds
        self._longest_seconds: float | None = None
        self._counts: Counter[Hashable] = Counter()

    def learn(self, seconds: float) -> None:
        """Take note of how long a run took."""
        self._longest_seconds = max(seconds, self._longest_seconds or 0.0)

    def limit_in_words(self, running: Running) -> str | None:
        """What a task has gone beyond, as in `did not end within 5 s`; None where it does not hang."""
        task: Task = running.item
        n_runs = len(task.runs) if isinstance(task, TrainTask) else 1
        if isinstance(task, TrainTask) and self._limit_seconds is not None:
            most = n_runs * self._limit_seconds
            return f"did not end within {_shown(self._limit_seconds)} s" if running.seconds > most else None
        most = _UNKNOWN_SECONDS
        if isinstance(task, TrainTask) and self._longest_seconds is not None:
            most = max(_LEAST_SECONDS, _MULTIPLE * n_runs * self._longest_seconds)
        return f"gave no sign for {_shown(most)} s" if running.silent_seconds > most else None

    def is_over(self, key: Hashable) -> bool:
        """Count that something hung; whether that was the last time that it may."""
        self._counts[key] += 1
        return self._counts[key] >= MOST_HANGS


def _shown(seconds: float) -> str:
    return f"{seconds:.4g}"
