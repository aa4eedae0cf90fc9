"""L2 on biases: the constants that layers add."""

from __future__ import annotations

from search.techniques._domains import positive
from search.techniques._penalty import Penalty
from search.techniques.parts import Part


class BiasL2(Penalty):
    """Adds `value * sum(bias ** 2)` to the loss, for each layer it is used on.

    Source: Krogh and Hertz 1991, A simple weight decay can improve generalization.
    """

    name = "bias_l2"
    argument = "bias_regularizer"
    coefficients = ("l2",)
    domain = positive("coefficient of the sum of squared biases in the loss", "Krogh and Hertz 1991")

    def fits(self, layer: Part) -> bool:
        """Whether the layer has biases, and no regularizer of another kind on them."""
        return super().fits(layer) and bool(layer.arguments.get("use_bias", True))
