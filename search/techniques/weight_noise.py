"""Weight noise: each training step computes with weights a little off."""

from __future__ import annotations

from typing import TYPE_CHECKING

from search.techniques import noise
from search.techniques._base import WeightTechnique
from search.techniques._gaussian import deviation
from search.techniques._switch import only_if

if TYPE_CHECKING:
    import tensorflow as tf

    from search.techniques.noise import NoiseKey


class WeightNoise(WeightTechnique):
    """Computes a step's gradients at `kernel + value * N(0, 1)`, drawn anew in each step, and steps from `kernel`.

    The deviation is the same for every weight, whatever its size.

    Source: Graves 2011, Practical variational inference for neural networks (its fixed Gaussian weight noise).
    """

    name = "weight_noise"
    off = 0.0
    domain = deviation(
        "standard deviation of the noise on each kernel weight, in the weight's units", "Graves 2011", high=10.0
    )

    def apply(self, kernel: tf.Tensor, value: tf.Tensor | float, key: NoiseKey) -> tf.Tensor:
        """The kernel with noise."""
        import tensorflow as tf

        def noisy() -> tf.Tensor:
            return kernel + tf.cast(value * noise.normal(key, tuple(kernel.shape)), kernel.dtype)

        return only_if(value > 0, noisy, lambda: tf.identity(kernel))
