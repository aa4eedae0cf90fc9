"""Noise on activations: no unit can send fine signals."""

from __future__ import annotations

from collections.abc import Mapping

from search.techniques._base import LayerTechnique, Value
from search.techniques._following import following_layer
from search.techniques._gaussian import deviation, traced_gaussian_noise
from search.techniques.parts import Part


class ActivationNoise(LayerTechnique):
    """Adds `value * N(0, 1)` to each activation of a hidden layer while training.

    Source: Poole et al. 2014, Analyzing noise in autoencoders and deep networks.
    """

    name = "activation_noise"
    on_output = False
    off = 0.0
    domain = deviation("standard deviation of the noise on a hidden layer's activations", "Poole et al. 2014")

    def apply(self, layer: Part, value: Value) -> tuple[Part, ...]:
        """The layer, followed by the noise: `dense_2` by `activation_noise_2`."""
        return layer, following_layer(layer, "layers.GaussianNoise", self.name, stddev=value)

    def stand_ins(self) -> Mapping[str, type]:
        """Whose deviation may be a tensor, and whose noise is that of `noise`."""
        return {"layers.GaussianNoise": traced_gaussian_noise()}
