"""Auxiliary weight: a second task for the layers that both tasks share."""

from __future__ import annotations

from search.spec.catalogue import Domain
from search.techniques._base import Technique


class AuxiliaryWeight(Technique):
    """Adds `value * loss of the auxiliary head` to the training loss of a model that has such a head.

    Source: Caruana 1997, Multitask learning.
    """

    name = "auxiliary_weight"
    off = 0.0
    domain = Domain(
        kind="float",
        low=0.0,
        low_open=True,
        high=1e3,
        weak="low",
        meaning="weight of the second task's loss, against 1 for the first's",
        source="Caruana 1997",
    )
