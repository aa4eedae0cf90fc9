"""Spatial dropout: whole channels of convolutions are left out at random."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

from search.techniques import noise
from search.techniques._base import LayerTechnique, Value
from search.techniques._domains import rate
from search.techniques._following import following_layer
from search.techniques.dropout import masked
from search.techniques.parts import Part
from search.techniques.private import dropped_channels_shape

_N_AXES = {
    "layers.Conv1D": 1,
    "layers.Conv2D": 2,
    "layers.Conv3D": 3,
    "layers.Conv1DTranspose": 1,
    "layers.Conv2DTranspose": 2,
}


class SpatialDropout(LayerTechnique):
    """Sets a share of a convolution's channels to zero while training and scales the rest up.

    Each channel of a row becomes 0 everywhere with probability `value`, and `x / (1 - value)` otherwise: neighbours in
    an image tell so much of each other that leaving out single values hides nothing.

    Source: Tompson et al. 2015, Efficient object localization using convolutional networks.
    """

    name = "spatial_dropout"
    on_output = False
    off = 0.0
    domain = rate("share of a convolution's channels that a training step leaves out", "Tompson et al. 2015")

    def fits(self, layer: Part) -> bool:
        """Whether it is a convolution with its channels last."""
        return layer.path in _N_AXES and layer.arguments.get("data_format") in (None, "channels_last")

    def apply(self, layer: Part, value: Value) -> tuple[Part, ...]:
        """The layer, followed by the dropout: `conv_2` by `spatial_dropout_conv_2`."""
        return layer, following_layer(layer, f"layers.SpatialDropout{_N_AXES[layer.path]}D", self.name, rate=value)

    def stand_ins(self) -> Mapping[str, type]:
        """Whose rate may be a tensor, and whose noise is that of `noise`."""
        return _traced_layers()


@functools.cache
def _traced_layers() -> Mapping[str, type]:
    import keras
    import tensorflow as tf

    def call(self: Any, inputs: Any, training: bool = False) -> Any:
        if not training:
            return inputs
        key = noise.layer_noise(self.name)
        return masked(inputs, noise.drop(tf.ones(dropped_channels_shape(self, inputs), inputs.dtype), self.rate, key))

    names = [f"SpatialDropout{n}D" for n in sorted(set(_N_AXES.values()))]
    return {f"layers.{name}": type(name, (getattr(keras.layers, name),), {"call": call}) for name in names}
