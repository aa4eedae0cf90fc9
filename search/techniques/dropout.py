"""Dropout: units left out at random in every training step, so that no unit relies on a few others."""

from __future__ import annotations

from search.spec.catalogue import Domain
from search.techniques._base import LayerTechnique
from search.techniques.parts import Part, Slot


class Dropout(LayerTechnique):
    """Sets a share of a hidden layer's activations to zero while training and scales the rest up.

    Source: Srivastava et al. 2014, Dropout: a simple way to prevent neural networks from overfitting;
        scaled while training (inverted), so that nothing changes when the model is used.
    """

    name = "dropout"
    on_output = False  # dropped predictions are no regularization
    off = 0.0
    domain = Domain(
        kind="float",
        low=0.0,
        low_open=True,
        high=1.0,
        high_open=True,
        weak="low",
        meaning="share of a hidden layer's units that a training step leaves out",
        source="Srivastava et al. 2014",
    )

    def apply(self, layer: Part, value: float | Slot) -> tuple[Part, ...]:
        """The layer, followed by a Dropout of its precision named after it: `dense_2` by `dropout_2`."""
        prefix, _, number = layer.name.rpartition("_")
        label = number if prefix and number.isdecimal() else layer.name
        computed_in = {name: layer.arguments[name] for name in ("dtype",) if name in layer.arguments}
        return layer, Part("layers.Dropout", {"rate": value, "name": f"dropout_{label}", **computed_in})
