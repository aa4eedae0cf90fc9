"""Workers that are no threads and no processes: whoever waits for what comes back does it first."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from search.dispatch import workers
from search.execution import Done, Reported


class InlinePool:
    """Stands for a `Pool`: an item is done when somebody waits."""

    n_workers = 1

    def __init__(self, function, held):
        self._function, self._held = function, held
        self._items, self._withdrawn = deque(), []

    def submit(self, item):
        self._items.append(item)

    def withdraw(self, item):
        if item in self._items:
            self._items.remove(item)
            self._withdrawn.append(Done(item, withdrawn=True))

    def running(self):
        return []

    def wait(self, timeout_seconds):
        told, self._withdrawn = self._withdrawn, []
        if not told and self._items:
            item = self._items.popleft()

            def report(message):
                told.append(Reported(item, message))
                return True

            told.append(Done(item, self._function(self._held, item, report)))
        return told


@contextmanager
def _open_inline(function, shared, *, start, **_options) -> Iterator[InlinePool]:
    yield InlinePool(function, start(shared))


def train_inline() -> None:
    """Have all sessions of this process train in it, at once and in the order in which runs are asked for."""
    workers.open_pool = _open_inline
