"""The same work by regsearch and by its peers, side by side in one process, and what came of it."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

Cost = Callable[[], float]
"""Does the work, or a counted part of it, and returns what the whole costs."""


@dataclass(frozen=True)
class Line:
    """One line of the table.

    Args:
        row: Name of the benchmark.
        work: What was done.
        peer: Who did it too.
        unit: What a cost is: `s a run`.
        ours: Costs of regsearch, one a round.
        theirs: Costs of the peer in the same rounds.
        goal: The ratio to reach; None where there is none.
        note: What part was counted, and whatever makes the works differ.
    """

    row: str
    work: str
    peer: str
    unit: str
    ours: tuple[float, ...]
    theirs: tuple[float, ...]
    goal: float | None = None
    note: str = ""

    @property
    def ratios(self) -> tuple[float, ...]:
        """The peer's cost over ours, round by round."""
        return tuple(theirs / ours for ours, theirs in zip(self.ours, self.theirs, strict=True))

    @property
    def ratio(self) -> float:
        """Median of the ratios."""
        return statistics.median(self.ratios)


def side_by_side(peers: Mapping[str, Cost], rounds: int, *, warm: bool = True) -> dict[str, tuple[float, ...]]:
    """The costs of each peer, in rounds that alternate, so that a machine whose speed drifts slows all of them.

    Args:
        peers: Name to what it does.
        rounds: How often each one does it.
        warm: Whether a first round, which compiles, is left out.
    """
    costs: dict[str, list[float]] = {name: [] for name in peers}
    for number in range(rounds + warm):
        for name, cost in peers.items():
            measured = cost()
            if number >= warm:
                costs[name].append(measured)
    return {name: tuple(measured) for name, measured in costs.items()}


def wall_seconds(work: Callable[[], object], parts: float = 1.0) -> Cost:
    """Wall time of `work`, times the number of such parts that the whole has."""

    def cost() -> float:
        started = time.perf_counter()
        work()
        return (time.perf_counter() - started) * parts

    return cost
