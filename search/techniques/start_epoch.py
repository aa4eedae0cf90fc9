"""Start epoch: when early stopping begins to look."""

from __future__ import annotations

from search.spec.catalogue import Domain
from search.techniques._base import Technique


class StartEpoch(Technique):
    """Early stopping looks away for the first `value` epochs: none of them is kept, and patience does not run.

    Source: Prechelt 1998, Early stopping - but when?; `start_from_epoch` of keras.callbacks.EarlyStopping.
    """

    name = "start_epoch"
    off = 0.0
    requires = ("patience",)
    domain = Domain(
        kind="int",
        low=1,
        high=float("inf"),
        weak="low",
        meaning="epochs at the beginning that early stopping does not watch",
        source="Prechelt 1998",
    )
