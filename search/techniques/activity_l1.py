"""L1 on activations, which makes many of them zero: sparse representations."""

from __future__ import annotations

from search.techniques._activity import ActivityPenalty
from search.techniques._domains import positive


class ActivityL1(ActivityPenalty):
    """Adds `value * sum(abs(activations)) / rows` to the loss, for each hidden layer it is used on.

    Source: Glorot et al. 2011, Deep sparse rectifier neural networks, section 3.2.
    """

    name = "activity_l1"
    argument = "l1"
    domain = positive("coefficient of the sum of a row's absolute activations in the loss", "Glorot et al. 2011")
