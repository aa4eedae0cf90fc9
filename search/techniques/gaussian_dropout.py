"""Gaussian dropout: activations are multiplied by normal noise."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

from search.techniques import noise
from search.techniques._base import LayerTechnique, Value
from search.techniques._domains import rate
from search.techniques._following import following_layer
from search.techniques._switch import only_if
from search.techniques.parts import Part


class GaussianDropout(LayerTechnique):
    """Multiplies each activation of a hidden layer by `1 + sqrt(value / (1 - value)) * N(0, 1)` while training.

    The noise has the mean and variance of dropout with the same rate.

    Source: Srivastava et al. 2014, section 10.
    """

    name = "gaussian_dropout"
    on_output = False
    off = 0.0
    domain = rate(
        "rate of the dropout whose variance the noise on a hidden layer's units has", "Srivastava et al. 2014"
    )

    def apply(self, layer: Part, value: Value) -> tuple[Part, ...]:
        """The layer, followed by the noise: `dense_2` by `gaussian_dropout_2`."""
        return layer, following_layer(layer, "layers.GaussianDropout", self.name, rate=value)

    def stand_ins(self) -> Mapping[str, type]:
        """Whose rate may be a tensor, and whose noise is that of `noise`."""
        return {"layers.GaussianDropout": _traced_layer()}


@functools.cache
def _traced_layer() -> type:
    import keras
    import tensorflow as tf

    class GaussianDropout(keras.layers.GaussianDropout):
        def call(self, inputs: Any, training: bool = False) -> Any:
            if not training:
                return inputs
            key = noise.layer_noise(self.name)

            def noisy() -> Any:
                rate = tf.convert_to_tensor(self.rate, tf.float32)
                factor = 1 + tf.sqrt(rate / (1 - rate)) * noise.normal(key, tf.shape(inputs))
                return inputs * tf.cast(factor, inputs.dtype)

            return only_if(self.rate > 0, noisy, lambda: inputs)

    return GaussianDropout
