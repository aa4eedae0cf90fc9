"""What ends a session before its budget is spent: a timeout, a request to stop, a lost lock."""

from __future__ import annotations

import math
import time

from search.errors import TransientStorageError
from search.storage import Hold, Storage

POLL_SECONDS = 0.5
_LOCK_CHECK_SECONDS = 5.0
_GRACE_SHARE, _MOST_GRACE_SECONDS = 0.1, 30.0


class SessionLimits:
    """Looks, now and then, for a reason to ask no more trials.

    Args:
        lock: The study's lock.
        storage: Where a stop is requested.
        study_id: The study.
        timeout_seconds: Ask no more trials after this long, and soon end those that run; None for no limit.
    """

    def __init__(self, lock: Hold, storage: Storage, study_id: int, timeout_seconds: float | None) -> None:
        self._lock = lock
        self._storage = storage
        self._study_id = study_id
        self._timeout_seconds = timeout_seconds
        self._started = time.monotonic()
        self._next_look = self._next_lock_check = 0.0
        self.reached: str | None = None
        """Why no more trials are asked, in words; None while they are."""
        self.is_timed_out = False
        """Whether the reason is the timeout."""

    @property
    def seconds(self) -> float:
        """Wall time of the session so far."""
        return time.monotonic() - self._started

    @property
    def grace_seconds(self) -> float:
        """How long after the timeout what runs may go on: a tenth of it, at most 30 s."""
        return min(_GRACE_SHARE * (self._timeout_seconds or 0.0), _MOST_GRACE_SECONDS)

    @property
    def seconds_left(self) -> float:
        """How long what runs may still go on, 0 or more: until timeout and grace are over."""
        if self._timeout_seconds is None:
            return math.inf
        return max(0.0, self._timeout_seconds + self.grace_seconds - self.seconds)

    def look(self) -> bool:
        """Whether a limit was reached just now.

        While the database is away, and there is patience, nobody can ask to stop; the timeout holds.

        Raises:
            StorageError: The lock was lost, or the database cannot be asked.
        """
        if self.reached is None and self._timeout_seconds is not None and self.seconds >= self._timeout_seconds:
            self.reached = f"The timeout of {self._timeout_seconds:g} s is spent"
            self.is_timed_out = True
            return True
        now = time.monotonic()
        try:
            with self._storage.at_once():
                return self._ask(now)
        except TransientStorageError as error:
            if self._storage.patience is None:
                raise
            self._next_look = self._next_lock_check = now + self._storage.patience.fail(error)
            return False

    def _ask(self, now: float) -> bool:
        """Look into the database, when it is time; whether a limit was reached just now."""
        if now >= self._next_lock_check:
            self._next_lock_check = now + _LOCK_CHECK_SECONDS
            self._lock.check()
        if self.reached is None and now >= self._next_look:
            self._next_look = now + POLL_SECONDS
            if self._storage.stop_requested(self._study_id):
                self.reached = "Asked to stop"
                return True
        return False
