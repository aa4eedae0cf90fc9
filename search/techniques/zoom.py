"""Zoom: images enlarged or shrunk at random."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

from search.techniques._base import Value
from search.techniques._images import FILL, ImageTechnique, about_center, augmented, extent, resampled
from search.techniques.parts import Part


class Zoom(ImageTechnique):
    """Shows `1 + value * u` times each image's height and width while training, `u` spread evenly over [-1, 1).

    Source: Simard et al. 2003, Best practices for convolutional neural networks.
    """

    name = "zoom"
    domain = extent(
        1.0,
        "largest change of the part of an image that is shown, as a share of it",
        "Simard et al. 2003",
        high_open=True,
    )

    def layer(self, value: Value) -> Part:
        """The Keras layer; height and width change alike."""
        return Part("layers.RandomZoom", {"height_factor": value, **FILL, "name": self.name})

    def stand_ins(self) -> Mapping[str, type]:
        """Which XLA can compile."""
        return {"layers.RandomZoom": _traced_layer()}


@functools.cache
def _traced_layer() -> type:
    import keras
    import tensorflow as tf

    class RandomZoom(keras.layers.RandomZoom):
        def call(self, data: Any, training: bool = True) -> Any:
            if not training:
                return data

            def zoomed(images: Any, draws: list[Any]) -> Any:
                high = 1 + self.height_factor * draws[0]
                wide = high if self.width_factor is None else 1 + self.width_factor * draws[1]
                zero = tf.zeros(())
                return resampled(images, about_center(images, wide, zero, zero, high))

            return augmented(self, data, self.height_factor, 2, zoomed)

    return RandomZoom
