"""L2 under the name that tells it from penalties on biases and recurrent kernels."""

from __future__ import annotations

from search.techniques.l2 import L2


class KernelL2(L2):
    """Adds `value * sum(kernel ** 2)` to the loss: `l2` by another name, so a layer takes one of both.

    Source: Krogh and Hertz 1991, A simple weight decay can improve generalization.
    """

    name = "kernel_l2"
