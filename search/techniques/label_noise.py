"""Label noise: some labels of each batch are drawn at random."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from search.techniques import noise
from search.techniques._base import CLASSIFICATION, Batch, BatchTechnique
from search.techniques._domains import rate

if TYPE_CHECKING:
    import tensorflow as tf

    from search.techniques.noise import NoiseKey


class LabelNoise(BatchTechnique):
    """Replaces each label, with probability `value`, by a class that is drawn evenly from all, its own included.

    Source: Xie et al. 2016, DisturbLabel: regularizing CNN on the loss layer.
    """

    name = "label_noise"
    off = 0.0
    tasks = CLASSIFICATION
    domain = rate("share of a batch's labels that are drawn at random", "Xie et al. 2016")

    def apply(self, batch: Batch, value: tf.Tensor | float, key: NoiseKey) -> Batch:
        """The batch with other labels."""
        import tensorflow as tf

        n_outputs = batch.y.shape[1]
        draws = noise.uniform(key, tf.stack([tf.shape(batch.y)[0], 2]))
        replaced, drawn = draws[:, :1] < tf.convert_to_tensor(value, tf.float32), draws[:, 1]
        if n_outputs == 1:
            label = tf.cast(drawn >= 0.5, tf.float32)[:, None]
        else:
            # The product is rounded, and may be rounded up to the number of classes.
            label = tf.one_hot(tf.minimum(tf.cast(drawn * n_outputs, tf.int32), n_outputs - 1), n_outputs)
        return replace(batch, y=tf.where(replaced, label, batch.y))
