"""L2 on the recurrent kernels of LSTM and GRU: the weights from step to step."""

from __future__ import annotations

from search.techniques._domains import positive
from search.techniques._penalty import Penalty
from search.techniques.parts import Part


class RecurrentL2(Penalty):
    """Adds `value * sum(recurrent_kernel ** 2)` to the loss, for each layer it is used on.

    Source: Krogh and Hertz 1991, A simple weight decay can improve generalization.
    """

    name = "recurrent_l2"
    argument = "recurrent_regularizer"
    coefficients = ("l2",)
    domain = positive("coefficient of the sum of squared recurrent weights in the loss", "Krogh and Hertz 1991")

    def fits(self, layer: Part) -> bool:
        """Whether the layer has recurrent weights, and no regularizer of another kind on them."""
        return super().fits(layer) and layer.is_recurrent
