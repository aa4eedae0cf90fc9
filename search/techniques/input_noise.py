"""Noise on inputs: rows are never quite the same twice."""

from __future__ import annotations

from collections.abc import Mapping

from search.techniques._base import InputTechnique, Value
from search.techniques._gaussian import deviation, traced_gaussian_noise
from search.techniques.parts import Part


class InputNoise(InputTechnique):
    """Adds `value * N(0, 1)` to each feature while training.

    Source: Bishop 1995, Training with noise is equivalent to Tikhonov regularization.
    """

    name = "input_noise"
    off = 0.0
    domain = deviation("standard deviation of the noise on each feature, in the feature's units", "Bishop 1995")

    def apply(self, input_shape: tuple[int, ...], value: Value) -> tuple[Part, ...]:
        """The layer `input_noise`."""
        return (Part("layers.GaussianNoise", {"stddev": value, "name": self.name}),)

    def stand_ins(self) -> Mapping[str, type]:
        """Whose deviation may be a tensor, and whose noise is that of `noise`."""
        return {"layers.GaussianNoise": traced_gaussian_noise()}
