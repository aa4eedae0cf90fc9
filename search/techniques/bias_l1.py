"""L1 on biases: the constants that layers add."""

from __future__ import annotations

from search.techniques._domains import positive
from search.techniques._penalty import Penalty
from search.techniques.parts import Part


class BiasL1(Penalty):
    """Adds `value * sum(abs(bias))` to the loss, for each layer it is used on.

    Source: Tibshirani 1996, Regression shrinkage and selection via the lasso.
    """

    name = "bias_l1"
    argument = "bias_regularizer"
    coefficients = ("l1",)
    domain = positive("coefficient of the sum of absolute biases in the loss", "Tibshirani 1996")

    def fits(self, layer: Part) -> bool:
        """Whether the layer has biases, and no regularizer of another kind on them."""
        return super().fits(layer) and bool(layer.arguments.get("use_bias", True))
