"""Values that a worker keeps because the next run is likely to need them again."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


def _one(value: object) -> float:
    """The size of values that are counted: by name, so that what holds them pickles."""
    return 1


class Recent(Generic[Key, Value]):
    """The values used last, up to a bound.

    Args:
        most: The least recently used values are dropped while the sizes of all add up to more than this. The one used
            last stays, however large.
        size: The size of a value, measured when it is made; default: 1, so that `most` is their number.
        grows: Whether values grow while they are used: each is then measured whenever it is asked for, and once more
            before the next one is, for it may have grown since.
    """

    def __init__(self, most: float, size: Callable[[Value], float] = _one, *, grows: bool = False) -> None:
        self._most = most
        self._size = size
        self._grows = grows
        self._kept: OrderedDict[Key, Value] = OrderedDict()
        self._sizes: dict[Key, float] = {}
        # Kept up to date: a confirmation has hundreds of folds, and to add up their sizes took longer than to train.
        self._total = 0.0

    def get(self, key: Key, make: Callable[[], Value]) -> Value:
        """The value kept under a key, made now if there is none."""
        if self._grows and self._kept:
            self._measure(next(reversed(self._kept)))
        is_new = key not in self._kept
        if is_new:
            self._kept[key] = make()
        self._kept.move_to_end(key)
        if is_new or self._grows:
            self._measure(key)
        while len(self._kept) > 1 and self._total > self._most:
            self._forget(next(iter(self._kept)))
        return self._kept[key]

    def drop(self, key: Key) -> None:
        """Let go of the value kept under a key, if there is one."""
        if key in self._kept:
            self._forget(key)

    def values(self) -> list[Value]:
        """What is kept, the least recently used first."""
        return list(self._kept.values())

    def _measure(self, key: Key) -> None:
        size = self._size(self._kept[key])
        self._total += size - self._sizes.get(key, 0.0)
        self._sizes[key] = size

    def _forget(self, key: Key) -> None:
        del self._kept[key]
        self._total -= self._sizes.pop(key)
