"""L2-SP: weights of the user's file are held near what they are there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from search.techniques._base import PretrainedTechnique
from search.techniques._domains import positive

if TYPE_CHECKING:
    import tensorflow as tf


class L2Sp(PretrainedTechnique):
    """A penalty `value * sum((kernel - pretrained) ** 2)` on each kernel that training takes from the user's file.

    Where L2 pulls towards zero, and so away from what pretraining has taught, this pulls back towards it ("SP": the
    starting point). Layers that begin anew, and the one that predicts, which is another for each task, are left to L2.

    Source: Li, Grandvalet and Davoine 2018, Explicit inductive bias for transfer learning with convolutional networks.
    """

    name = "l2_sp"
    off = 0.0
    is_penalty = True
    domain = positive(
        "coefficient of the squared distance of kernels from the weights of the file", "Li, Grandvalet and Davoine 2018"
    )

    def penalize(self, kernel: tf.Tensor, pretrained: tf.Tensor, value: tf.Tensor) -> tf.Tensor:
        """The coefficient times the squared distance."""
        import tensorflow as tf

        return value * tf.reduce_sum(tf.square(tf.cast(kernel, tf.float32) - pretrained))
