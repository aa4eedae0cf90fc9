"""Alpha dropout: for nets of SELU units, whose mean and variance it keeps."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

from search.techniques import noise
from search.techniques._base import LayerTechnique, Value
from search.techniques._domains import rate
from search.techniques._following import following_layer
from search.techniques.parts import Part
from search.techniques.private import alpha_noise_shape

_SATURATION = -1.6732632423543772848170429916717 * 1.0507009873554804934193349852946
"""The value that SELU goes to for very negative inputs."""


class AlphaDropout(LayerTechnique):
    """Sets a share of a hidden layer's activations to SELU's saturation while training: `a * (s or x) + b`.

    `s` is -1.758; `a = ((1 - value) * (1 + value * s ** 2)) ** -0.5` and `b = -a * value * s` keep mean 0 and
    variance 1.

    Source: Klambauer et al. 2017, Self-normalizing neural networks.
    """

    name = "alpha_dropout"
    on_output = False
    off = 0.0
    domain = rate("share of a hidden layer's units that a training step saturates", "Klambauer et al. 2017")

    def apply(self, layer: Part, value: Value) -> tuple[Part, ...]:
        """The layer, followed by the dropout: `dense_2` by `alpha_dropout_2`."""
        return layer, following_layer(layer, "layers.AlphaDropout", self.name, rate=value)

    def stand_ins(self) -> Mapping[str, type]:
        """Whose rate may be a tensor, and whose noise is that of `noise`."""
        return {"layers.AlphaDropout": _traced_layer()}


@functools.cache
def _traced_layer() -> type:
    import keras
    import tensorflow as tf

    class AlphaDropout(keras.layers.AlphaDropout):
        def call(self, inputs: Any, training: bool = False) -> Any:
            if not training:
                return inputs

            rate = tf.convert_to_tensor(self.rate, tf.float32)
            shape = alpha_noise_shape(self, inputs)
            kept = noise.uniform(noise.layer_noise(self.name), tf.stack(shape)) >= rate
            scale = ((1 - rate) * (1 + rate * _SATURATION**2)) ** -0.5
            shift = -scale * rate * _SATURATION
            mixed = tf.where(kept, inputs, tf.cast(_SATURATION, inputs.dtype))
            changed = tf.cast(scale, inputs.dtype) * mixed + tf.cast(shift, inputs.dtype)
            return tf.where(rate > 0, changed, inputs)

    return AlphaDropout
