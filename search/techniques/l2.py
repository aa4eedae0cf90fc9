"""L2: a penalty on the squared size of kernel weights, which keeps all of them small."""

from __future__ import annotations

from search.spec.catalogue import Domain
from search.techniques._base import LayerTechnique
from search.techniques._penalty import penalize_kernel
from search.techniques.parts import Part, Slot


class L2(LayerTechnique):
    """Adds `value * sum(kernel ** 2)` to the loss, for each layer it is used on (no factor 1/2, as in Keras).

    Source: Krogh and Hertz 1991, A simple weight decay can improve generalization.
    """

    name = "l2"
    on_output = True
    off = 0.0
    domain = Domain(
        kind="float",
        low=0.0,
        low_open=True,
        high=1e3,
        weak="low",
        meaning="coefficient of the sum of squared kernel weights in the loss",
        source="Krogh and Hertz 1991",
    )

    def apply(self, layer: Part, value: float | Slot) -> tuple[Part, ...]:
        """The layer with the penalty in its kernel regularizer."""
        return (penalize_kernel(layer, l2=value),)
