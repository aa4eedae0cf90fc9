"""Work that several requests ask for is done once, and only so much at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from typing import Any, TypeVar

T = TypeVar("T")


class TooBusyError(Exception):
    """More is asked for than is done, or waits to be done, at a time."""


class SharedWork:
    """Does a piece of work for whoever asks for it meanwhile, under a name; the others wait and get the same.

    Args:
        at_once: Pieces that are worked on at a time.
        waiting: Further pieces that may wait for their turn.
        most_askers: Threads that may wait for any of them.
    """

    def __init__(self, at_once: int = 2, waiting: int = 8, most_askers: int = 200) -> None:
        self._turns = threading.Semaphore(at_once)
        self._most, self._most_askers = at_once + waiting, most_askers
        self._lock = threading.Lock()
        self._open: dict[Hashable, Future[Any]] = {}
        self._n_askers = 0

    def share(self, name: Hashable, work: Callable[[], T]) -> T:
        """What `work` returns or raises; of those who ask under one name at a time, one does it.

        Raises:
            TooBusyError: Too much is asked for at once.
        """
        with self._lock:
            future = self._open.get(name)
            is_mine = future is None
            if (is_mine and len(self._open) >= self._most) or self._n_askers >= self._most_askers:
                raise TooBusyError
            if future is None:
                future = self._open[name] = Future()
            self._n_askers += 1
        try:
            if is_mine:
                self._do(name, future, work)
            result: T = future.result()
            return result
        finally:
            with self._lock:
                self._n_askers -= 1

    def _do(self, name: Hashable, future: Future[Any], work: Callable[[], Any]) -> None:
        try:
            with self._turns:
                result = work()
        except BaseException as error:  # noqa: BLE001  # whoever waits gets it; it is raised by `result`
            self._forget(name)
            future.set_exception(error)
        else:
            self._forget(name)
            future.set_result(result)

    def _forget(self, name: Hashable) -> None:
        with self._lock:
            del self._open[name]
