"""Contrast: images made stronger or paler at random."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

from search.techniques._base import Value
from search.techniques._images import ImageTechnique, augmented, extent
from search.techniques.parts import Part, Slot


class Contrast(ImageTechnique):
    """`mean + (x - mean) * (1 + value * u)` while training, `u` spread evenly over [-1, 1), for each image and channel.

    Source: Howard 2013, Some improvements on deep convolutional neural network based image classification.
    """

    name = "contrast"
    domain = extent(1.0, "largest change of an image's distance from its mean, as a share of it", "Howard 2013")

    def layer(self, value: Value) -> Part:
        """The Keras layer, which cuts no value off."""
        # Of a single number Keras 3.15 takes the upper half of the range only: [1, 1 + factor].
        factor = value if isinstance(value, Slot) else (value, value)
        return Part("layers.RandomContrast", {"factor": factor, "value_range": _ALL_VALUES, "name": self.name})

    def stand_ins(self) -> Mapping[str, type]:
        """Whose factor may be a tensor."""
        return {"layers.RandomContrast": _traced_layer()}


_ALL_VALUES = (-3e38, 3e38)
"""About all of float32; JSON, in which Keras saves a layer, has no infinity."""


@functools.cache
def _traced_layer() -> type:
    import keras
    import tensorflow as tf

    class RandomContrast(keras.layers.RandomContrast):
        def call(self, data: Any, training: bool = True) -> Any:
            if not training:
                return data
            factor = self.factor[1] if isinstance(self.factor, tuple) else self.factor

            def adjusted(images: Any, draws: list[Any]) -> Any:
                mean = tf.reduce_mean(images, axis=[1, 2], keepdims=True)
                return (images - mean) * (1 + factor * tf.reshape(draws[0], (-1, 1, 1, 1))) + mean

            return augmented(self, data, factor, 1, adjusted)

    return RandomContrast
