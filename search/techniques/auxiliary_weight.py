"""Auxiliary weight: a second task for the layers that both tasks share."""

from __future__ import annotations

from search.techniques._base import Technique
from search.techniques._domains import positive


class AuxiliaryWeight(Technique):
    """Adds `value * loss of the auxiliary head` to the training loss of a model that has such a head.

    Source: Caruana 1997, Multitask learning.
    """

    name = "auxiliary_weight"
    off = 0.0
    domain = positive("weight of the second task's loss, against 1 for the first's", "Caruana 1997")
