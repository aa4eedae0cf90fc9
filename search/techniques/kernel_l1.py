"""L1 under the name that tells it from penalties on biases and recurrent kernels."""

from __future__ import annotations

from search.techniques.l1 import L1


class KernelL1(L1):
    """Adds `value * sum(abs(kernel))` to the loss: `l1` by another name, so a layer takes one of both.

    Source: Tibshirani 1996, Regression shrinkage and selection via the lasso.
    """

    name = "kernel_l1"
