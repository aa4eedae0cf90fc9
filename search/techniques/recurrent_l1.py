"""L1 on the recurrent kernels of LSTM and GRU: the weights from step to step."""

from __future__ import annotations

from search.techniques._domains import positive
from search.techniques._penalty import Penalty
from search.techniques.parts import Part


class RecurrentL1(Penalty):
    """Adds `value * sum(abs(recurrent_kernel))` to the loss, for each layer it is used on.

    Source: Tibshirani 1996, Regression shrinkage and selection via the lasso.
    """

    name = "recurrent_l1"
    argument = "recurrent_regularizer"
    coefficients = ("l1",)
    domain = positive("coefficient of the sum of absolute recurrent weights in the loss", "Tibshirani 1996")

    def fits(self, layer: Part) -> bool:
        """Whether the layer has recurrent weights, and no regularizer of another kind on them."""
        return super().fits(layer) and layer.is_recurrent
