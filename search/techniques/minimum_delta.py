"""Minimum delta: which improvements early stopping counts."""

from __future__ import annotations

from dataclasses import replace

from search.spec.catalogue import Domain
from search.techniques._base import LoopTechnique, Stopping, Technique


class MinimumDelta(LoopTechnique):
    """An epoch is better than the best so far when its loss on the stop rows is lower by more than `value`.

    Source: Prechelt 1998, Early stopping - but when?; `min_delta` of keras.callbacks.EarlyStopping.
    """

    name = "minimum_delta"
    off = 0.0
    keras_argument = "min_delta"
    domain = Domain(
        kind="float",
        low=0.0,
        low_open=True,
        high=float("inf"),
        high_open=True,
        weak="low",
        meaning="fall of the stop rows' loss, in its own units, that counts as an improvement",
        source="Prechelt 1998",
    )

    def needs(self, other: Technique) -> bool:
        """Whether the other one watches the stop rows."""
        return isinstance(other, LoopTechnique) and other.watches_stop_rows

    def apply(self, stopping: Stopping, value: float) -> Stopping:
        """The rule with that minimum delta."""
        return replace(stopping, minimum_delta=value)
