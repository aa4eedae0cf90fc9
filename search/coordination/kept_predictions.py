"""Which trials' predictions are kept when there is no room for those of all."""

from __future__ import annotations

from collections.abc import Mapping

from search.records import BASELINE_TRIAL, Direction, Trial


def surplus_predictions(
    sizes: Mapping[int, int], trials: Mapping[int, Trial], direction: Direction, most_bytes: float
) -> list[int]:
    """The complete trials whose predictions must go so that those of the others fit: the worst ones.

    The baseline's stay, whatever they take: every comparison needs them. Of equal scores the latest goes first. The
    predictions of all complete trials of a study take the same room, so that what is left in the end does not depend on
    the order in which trials ended, nor on how often room was made.

    Args:
        sizes: Number of a trial to the bytes that its predictions take.
        trials: At least these trials, all of them complete.
        direction: Whether a low or a high score is good.
        most_bytes: The room that there is, the baseline's part in it.
    Returns:
        Their numbers, the worst first.
    """
    excess = sum(sizes.values()) - most_bytes
    if excess <= 0:
        return []
    sign, surplus = (1.0 if direction == "minimize" else -1.0), list[int]()
    for number in sorted(sizes, key=lambda n: (sign * (trials[n].score or 0.0), n), reverse=True):
        if excess <= 0:
            break
        if number != BASELINE_TRIAL:
            surplus.append(number)
            excess -= sizes[number]
    return surplus
