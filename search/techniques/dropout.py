"""Dropout: units left out at random in every training step, so that no unit relies on a few others."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

from search.techniques import noise
from search.techniques._base import LayerTechnique, Value
from search.techniques._domains import rate
from search.techniques._following import following_layer
from search.techniques.parts import Part


class Dropout(LayerTechnique):
    """Sets a share of a hidden layer's activations to zero while training and scales the rest up.

    Each activation becomes 0 with probability `value`, and `x / (1 - value)` otherwise.

    Source: Srivastava et al. 2014, Dropout: a simple way to prevent neural networks from overfitting;
        scaled while training (inverted), so that nothing changes when the model is used.
    """

    name = "dropout"
    on_output = False  # dropped predictions are no regularization
    off = 0.0
    domain = rate("share of a hidden layer's units that a training step leaves out", "Srivastava et al. 2014")

    def apply(self, layer: Part, value: Value) -> tuple[Part, ...]:
        """The layer, followed by the dropout: `dense_2` by `dropout_2`."""
        return layer, following_layer(layer, "layers.Dropout", self.name, rate=value)

    def stand_ins(self) -> Mapping[str, type]:
        """Whose rate may be a tensor, and whose noise is that of `noise`."""
        return {"layers.Dropout": traced_dropout()}


@functools.cache
def traced_dropout() -> type:
    """The stand-in of `keras.layers.Dropout`."""
    import keras
    import tensorflow as tf

    class Dropout(keras.layers.Dropout):
        def call(self, inputs: Any, training: bool = False) -> Any:
            if not training:
                return inputs
            key = noise.layer_noise(self.name)
            if self.noise_shape is None:
                return noise.drop(inputs, self.rate, key)
            sizes = [tf.shape(inputs)[axis] if n is None else n for axis, n in enumerate(self.noise_shape)]
            return masked(inputs, noise.drop(tf.ones(tf.stack(sizes), inputs.dtype), self.rate, key))

    return Dropout


def masked(x: Any, mask: Any) -> Any:
    """`x * mask`, and zero where the mask is, whatever `x` is there."""
    import tensorflow as tf

    return tf.where(mask > 0, x * mask, tf.zeros((), x.dtype))
