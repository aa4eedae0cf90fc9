"""Flip: images mirrored at random."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

from search.spec.catalogue import Domain
from search.techniques._base import Value
from search.techniques._images import ImageTechnique, augmented
from search.techniques.parts import Part

_MODES = {"horizontal": "horizontal", "vertical": "vertical", "both": "horizontal_and_vertical"}


class Flip(ImageTechnique):
    """Mirrors every second image, by chance, while training: left to right, top to bottom, or both at once.

    Both at once is a half turn, which is what keras.layers.RandomFlip makes of it.

    Source: Krizhevsky et al. 2012, ImageNet classification with deep convolutional neural networks.
    """

    name = "flip"
    domain = Domain(
        kind="choice",
        names=tuple(_MODES),
        meaning="the direction in which every second image is mirrored",
        source="Krizhevsky et al. 2012",
    )

    def layer(self, value: Value) -> Part:
        """The Keras layer."""
        mode = _MODES[value] if isinstance(value, str) else value
        return Part("layers.RandomFlip", {"mode": mode, "name": self.name})

    def stand_ins(self) -> Mapping[str, type]:
        """Whose mode may be a tensor: a number of the domain."""
        return {"layers.RandomFlip": _traced_layer()}


@functools.cache
def _traced_layer() -> type:
    import keras
    import tensorflow as tf

    class RandomFlip(keras.layers.RandomFlip):
        def call(self, data: Any, training: bool = True) -> Any:
            if not training:
                return data
            mode = self.mode if not isinstance(self.mode, str) else 1 + list(_MODES.values()).index(self.mode)

            def flipped(images: Any, draws: list[Any]) -> Any:
                chosen = tf.reshape(draws[0] < 0, (-1, 1, 1, 1))
                wide = tf.where(chosen & tf.not_equal(mode, 2), tf.reverse(images, [2]), images)
                return tf.where(chosen & tf.not_equal(mode, 1), tf.reverse(wide, [1]), wide)

            return augmented(self, data, mode, 1, flipped)

    return RandomFlip
