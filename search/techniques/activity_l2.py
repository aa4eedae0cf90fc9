"""L2 on activations, which keeps all of them small."""

from __future__ import annotations

from search.techniques._activity import ActivityPenalty
from search.techniques._domains import positive


class ActivityL2(ActivityPenalty):
    """Adds `value * sum(activations ** 2) / rows` to the loss, for each hidden layer it is used on.

    Source: Merity et al. 2017, Revisiting activation regularization for language RNNs.
    """

    name = "activity_l2"
    argument = "l2"
    domain = positive("coefficient of the sum of a row's squared activations in the loss", "Merity et al. 2017")
