"""Start epoch: when early stopping begins to look."""

from __future__ import annotations

from dataclasses import replace

from search.spec.catalogue import Domain
from search.techniques._base import LoopTechnique, Stopping, Technique


class StartEpoch(LoopTechnique):
    """Early stopping looks away for the first `value` epochs: none of them is kept, and patience does not run.

    Source: Prechelt 1998, Early stopping - but when?; `start_from_epoch` of keras.callbacks.EarlyStopping.
    """

    name = "start_epoch"
    off = 0.0
    keras_argument = "start_from_epoch"
    domain = Domain(
        kind="int",
        low=1,
        high=float("inf"),
        weak="low",
        meaning="epochs at the beginning that early stopping does not watch",
        source="Prechelt 1998",
    )

    def needs(self, other: Technique) -> bool:
        """Whether the other one watches the stop rows."""
        return isinstance(other, LoopTechnique) and other.watches_stop_rows

    def apply(self, stopping: Stopping, value: float) -> Stopping:
        """The rule with that start epoch."""
        return replace(stopping, start_epoch=int(value))
