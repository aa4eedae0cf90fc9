"""Rotation: images turned at random."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from typing import Any

from search.techniques._base import Value
from search.techniques._images import FILL, ImageTechnique, about_center, augmented, extent, resampled
from search.techniques.parts import Part


class Rotation(ImageTechnique):
    """Turns each image about its middle while training, by an angle spread evenly over +-`value` of a full turn.

    Source: Simard et al. 2003, Best practices for convolutional neural networks.
    """

    name = "rotation"
    domain = extent(0.5, "largest angle by which images are turned, as a share of a full turn", "Simard et al. 2003")

    def layer(self, value: Value) -> Part:
        """The Keras layer."""
        return Part("layers.RandomRotation", {"factor": value, **FILL, "name": self.name})

    def stand_ins(self) -> Mapping[str, type]:
        """Which XLA can compile."""
        return {"layers.RandomRotation": _traced_layer()}


@functools.cache
def _traced_layer() -> type:
    import keras
    import tensorflow as tf

    class RandomRotation(keras.layers.RandomRotation):
        def call(self, data: Any, training: bool = True) -> Any:
            if not training:
                return data
            # Keras' own keeps a number as the range that it stands for.
            factor = self.factor[1] if isinstance(self.factor, tuple) else self.factor

            def turned(images: Any, draws: list[Any]) -> Any:
                angle = 2 * math.pi * factor * draws[0]
                cosine, sine = tf.cos(angle), tf.sin(angle)
                return resampled(images, about_center(images, cosine, -sine, sine, cosine))

            return augmented(self, data, factor, 1, turned)

    return RandomRotation
