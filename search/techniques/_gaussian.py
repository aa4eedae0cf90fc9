"""Normal noise that a layer adds to what it sees."""

from __future__ import annotations

import functools
from typing import Any

from search.spec.catalogue import Domain
from search.techniques import noise
from search.techniques._switch import only_if


def deviation(meaning: str, source: str, high: float = 1.0) -> Domain:
    """The values of a standard deviation; Keras' layer takes 1 at most."""
    return Domain(kind="float", low=0.0, low_open=True, high=high, weak="low", meaning=meaning, source=source)


@functools.cache
def traced_gaussian_noise() -> type:
    """The stand-in of `keras.layers.GaussianNoise`."""
    import keras
    import tensorflow as tf

    class GaussianNoise(keras.layers.GaussianNoise):
        def call(self, inputs: Any, training: bool = False) -> Any:
            if not training:
                return inputs
            key = noise.layer_noise(self.name)

            def noisy() -> Any:
                return inputs + tf.cast(self.stddev * noise.normal(key, tf.shape(inputs)), inputs.dtype)

            return only_if(self.stddev > 0, noisy, lambda: inputs)

    return GaussianNoise
