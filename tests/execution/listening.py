"""Wait for what comes from a pool, and fail where it does not come."""

import time
import weakref
from typing import ClassVar

from search.execution import Done


class Held:
    """What a worker of this process holds; imported by name there, so that this is the one class."""

    n_made = 0
    alive: ClassVar[weakref.WeakSet] = weakref.WeakSet()

    def __init__(self, shared):
        Held.n_made += 1
        Held.alive.add(self)


def wait_until(condition, timeout_seconds=60):
    deadline = time.monotonic() + timeout_seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


def listen(pool, n_items, timeout_seconds=60):
    """All that comes until so many items are done."""
    received = []

    def is_all():
        received.extend(pool.wait(0.5))
        return sum(isinstance(one, Done) for one in received) >= n_items

    wait_until(is_all, timeout_seconds)
    return received


def gather(pool, n_items, timeout_seconds=60):
    return {one.item: one for one in listen(pool, n_items, timeout_seconds) if isinstance(one, Done)}
