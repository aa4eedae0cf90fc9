"""Stochastic weight averaging: what is kept is not the last weights but their moving average."""

from __future__ import annotations

from typing import TYPE_CHECKING

from search.techniques._base import AveragingTechnique
from search.techniques._domains import rate

if TYPE_CHECKING:
    import tensorflow as tf


class Swa(AveragingTechnique):
    """`average = value * average + (1 - value) * weights` after each step; the average is scored and kept.

    The first average is the weights themselves, as with `use_ema` of Keras' optimizers. A momentum of 0 is no average.

    Source: Polyak and Juditsky 1992, Acceleration of stochastic approximation by averaging; Izmailov et al. 2018,
        Averaging weights leads to wider optima and better generalization.
    """

    name = "swa"
    off = 0.0
    domain = rate("share of the average weights that a training step keeps", "Izmailov et al. 2018")

    def average(self, average: tf.Tensor, weight: tf.Tensor, value: tf.Tensor, is_first: tf.Tensor) -> tf.Tensor:
        """The moving average; it begins anew in a run's first step.

        Source: `use_ema` of keras.optimizers.Optimizer, whose averages are of weights before their constraints.
        """
        import tensorflow as tf

        restarts = is_first | tf.equal(value, self.off)
        return tf.where(restarts, weight, value * average + (1 - value) * weight)
