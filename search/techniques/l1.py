"""L1: a penalty on the absolute size of kernel weights, which makes many of them vanish."""

from __future__ import annotations

from search.techniques._domains import positive
from search.techniques._penalty import Penalty


class L1(Penalty):
    """Adds `value * sum(abs(kernel))` to the loss, for each layer it is used on.

    Source: Tibshirani 1996, Regression shrinkage and selection via the lasso.
    """

    name = "l1"
    argument = "kernel_regularizer"
    coefficients = ("l1",)
    domain = positive("coefficient of the sum of absolute kernel weights in the loss", "Tibshirani 1996")
