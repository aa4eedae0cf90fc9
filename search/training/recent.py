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
        size: The size of a value; default: 1, so that `most` is their number.
    """

    def __init__(self, most: float, size: Callable[[Value], float] = _one) -> None:
        self._most = most
        self._size = size
        self._kept: OrderedDict[Key, Value] = OrderedDict()

    def get(self, key: Key, make: Callable[[], Value]) -> Value:
        """The value kept under a key, made now if there is none."""
        if key not in self._kept:
            self._kept[key] = make()
        self._kept.move_to_end(key)
        while len(self._kept) > 1 and sum(map(self._size, self._kept.values())) > self._most:
            self._kept.popitem(last=False)
        return self._kept[key]

    def drop(self, key: Key) -> None:
        """Let go of the value kept under a key, if there is one."""
        self._kept.pop(key, None)

    def values(self) -> list[Value]:
        """What is kept, the least recently used first."""
        return list(self._kept.values())
