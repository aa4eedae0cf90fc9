"""Patience: early stopping, whose clock `search.training.stopping` keeps."""

from __future__ import annotations

from dataclasses import replace

from search.spec.catalogue import Domain
from search.techniques._base import LoopTechnique, Stopping


class Patience(LoopTechnique):
    """Ends a run when the penalty-free loss of the stop rows has not improved for so many epochs.

    The weights of the best epoch are kept. The more patience, the weaker the regularization: a run with
    endless patience is a run without early stopping, except that its stop rows do not train.

    Source: Prechelt 1998, Early stopping - but when?
    """

    name = "patience"
    off = 0.0
    watches_stop_rows = True
    keras_argument = "patience"
    domain = Domain(
        kind="int",
        low=1,
        high=float("inf"),
        weak="high",
        meaning="epochs without improvement on the stop rows after which training ends",
        source="Prechelt 1998",
    )

    def apply(self, stopping: Stopping, value: float) -> Stopping:
        """The rule with that patience."""
        return replace(stopping, patience=int(value))
