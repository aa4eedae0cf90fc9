"""Wait for what comes from a pool, and fail where it does not come."""

import time

from search.execution import Done


def wait_until(condition, timeout_seconds=60):
    deadline = time.monotonic() + timeout_seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


def listen(pool, n_items, timeout_seconds=60):
    """All that comes until so many items are done."""
    heard = []

    def is_all():
        heard.extend(pool.wait(0.5))
        return sum(isinstance(one, Done) for one in heard) >= n_items

    wait_until(is_all, timeout_seconds)
    return heard


def gather(pool, n_items, timeout_seconds=60):
    return {one.item: one for one in listen(pool, n_items, timeout_seconds) if isinstance(one, Done)}
