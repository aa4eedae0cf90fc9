"""L1: a penalty on the absolute size of kernel weights, which makes many of them vanish."""

from __future__ import annotations

from search.spec.catalogue import Domain
from search.techniques._base import LayerTechnique
from search.techniques._penalty import penalize_kernel
from search.techniques.parts import Part, Slot


class L1(LayerTechnique):
    """Adds `value * sum(abs(kernel))` to the loss, for each layer it is used on.

    Source: Tibshirani 1996, Regression shrinkage and selection via the lasso.
    """

    name = "l1"
    on_output = True
    off = 0.0
    domain = Domain(
        kind="float",
        low=0.0,
        low_open=True,
        high=1e3,
        weak="low",
        meaning="coefficient of the sum of absolute kernel weights in the loss",
        source="Tibshirani 1996",
    )

    def apply(self, layer: Part, value: float | Slot) -> tuple[Part, ...]:
        """The layer with the penalty in its kernel regularizer."""
        return (penalize_kernel(layer, l1=value),)
