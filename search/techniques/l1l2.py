"""Elastic net: L1 and L2 together, with one coefficient."""

from __future__ import annotations

from search.techniques._domains import positive
from search.techniques._penalty import Penalty


class L1L2(Penalty):
    """Adds `value * (sum(abs(kernel)) + sum(kernel ** 2))` to the loss, for each layer it is used on.

    With a coefficient each, `l1` and `l2` in one space are the elastic net too.

    Source: Zou and Hastie 2005, Regularization and variable selection via the elastic net.
    """

    name = "l1l2"
    argument = "kernel_regularizer"
    coefficients = ("l1", "l2")
    domain = positive(
        "coefficient, one for both, of the sums of absolute and of squared kernel weights in the loss",
        "Zou and Hastie 2005",
    )
