"""L2: a penalty on the squared size of kernel weights, which keeps all of them small."""

from __future__ import annotations

from search.techniques._domains import positive
from search.techniques._penalty import Penalty


class L2(Penalty):
    """Adds `value * sum(kernel ** 2)` to the loss, for each layer it is used on (no factor 1/2, as in Keras).

    Source: Krogh and Hertz 1991, A simple weight decay can improve generalization.
    """

    name = "l2"
    argument = "kernel_regularizer"
    coefficients = ("l2",)
    domain = positive("coefficient of the sum of squared kernel weights in the loss", "Krogh and Hertz 1991")
