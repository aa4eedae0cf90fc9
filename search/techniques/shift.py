"""Shift: images moved at random."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

from search.techniques._base import Value
from search.techniques._images import FILL, ImageTechnique, augmented, extent, resampled
from search.techniques.parts import Part


class Shift(ImageTechnique):
    """Moves each image up or down and sideways while training, each spread evenly over +-`value` of its size.

    Source: Simard et al. 2003, Best practices for convolutional neural networks.
    """

    name = "shift"
    domain = extent(1.0, "largest move of images, as a share of their height and width", "Simard et al. 2003")

    def layer(self, value: Value) -> Part:
        """The Keras layer."""
        sizes = {"height_factor": value, "width_factor": value}
        return Part("layers.RandomTranslation", {**sizes, **FILL, "name": self.name})

    def stand_ins(self) -> Mapping[str, type]:
        """Which XLA can compile."""
        return {"layers.RandomTranslation": _traced_layer()}


@functools.cache
def _traced_layer() -> type:
    import keras
    import tensorflow as tf

    class RandomTranslation(keras.layers.RandomTranslation):
        def call(self, data: Any, training: bool = True) -> Any:
            if not training:
                return data

            def moved(images: Any, draws: list[Any]) -> Any:
                down = self.height_factor * images.shape[1] * draws[0]
                right = self.width_factor * images.shape[2] * draws[1]
                one, zero = tf.ones(()), tf.zeros(())
                return resampled(images, [one, zero, -right, zero, one, -down])

            return augmented(self, data, self.height_factor + self.width_factor, 2, moved)

    return RandomTranslation
