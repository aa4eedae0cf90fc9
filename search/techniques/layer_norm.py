"""Layer normalization: each row's activations are centred and scaled by their own mean and variance."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

from search.spec.catalogue import Domain
from search.techniques._base import LayerTechnique, Value
from search.techniques._following import following_layer
from search.techniques._switch import only_if
from search.techniques.parts import Part, Slot


class LayerNorm(LayerTechnique):
    """`gamma * (x - mean) / sqrt(variance + 1e-3) + beta` behind a hidden layer, over the units of a row.

    Source: Ba et al. 2016, Layer normalization (there before the activation).
    """

    name = "layer_norm"
    on_output = False
    off = 0.0
    domain = Domain(
        kind="choice",
        names=("on",),
        meaning="whether the activations of hidden layers are normalized row by row",
        source="Ba et al. 2016",
    )

    def apply(self, layer: Part, value: Value) -> tuple[Part, ...]:
        """The layer, followed by the normalization; `on` is an argument of the stand-in alone."""
        switch = {"on": value} if isinstance(value, Slot) else {}
        return layer, following_layer(layer, "layers.LayerNormalization", self.name, **switch)

    def stand_ins(self) -> Mapping[str, type]:
        """With a switch, which Keras' own has not."""
        return {"layers.LayerNormalization": _traced_layer()}


@functools.cache
def _traced_layer() -> type:
    import keras

    class LayerNormalization(keras.layers.LayerNormalization):
        def __init__(self, on: float = 1.0, **arguments: Any) -> None:
            super().__init__(**arguments)
            self.on = on

        def call(self, inputs: Any) -> Any:
            return only_if(self.on > 0, lambda: super(LayerNormalization, self).call(inputs), lambda: inputs)

    return LayerNormalization
