"""Auxiliary weight: a second task for the layers that both tasks share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from search.techniques._base import HeadTechnique
from search.techniques._domains import positive

if TYPE_CHECKING:
    import tensorflow as tf


class AuxiliaryWeight(HeadTechnique):
    """Adds `value * loss of the auxiliary head` to the training loss of a model that has such a head.

    Source: Caruana 1997, Multitask learning.
    """

    name = "auxiliary_weight"
    off = 0.0
    domain = positive("weight of the second task's loss, against 1 for the first's", "Caruana 1997")

    def weigh(self, loss: tf.Tensor, value: tf.Tensor) -> tf.Tensor:
        """`value * loss`, also exactly 0 where an unused head's loss is not finite."""
        import tensorflow as tf

        return tf.where(tf.equal(value, self.off), 0.0, value * loss)
