"""CutMix: a box of another image is pasted into each, and labels are mixed by the box' share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from search.techniques import noise
from search.techniques._base import CLASSIFICATION, Batch, BatchTechnique
from search.techniques._domains import positive
from search.techniques._mixing import draw_beta, draw_partners, mixed_weight
from search.techniques._switch import only_if
from search.techniques.noise import layer_key

if TYPE_CHECKING:
    import tensorflow as tf

    from search.techniques.noise import NoiseKey


class CutMix(BatchTechnique):
    """Pastes a box of another image, at the same place, and mixes labels and weights by the area that is left.

    One box a batch: its sides are `sqrt(1 - share)` of the image's, rounded down to an even number of pixels and cut at
    the image's edges, with a share of Beta(value, value) and a middle spread evenly over the image.

    Source: Yun et al. 2019, CutMix: regularization strategy to train strong classifiers with localizable features.
    """

    name = "cutmix"
    off = 0.0
    needs_images = True
    mixes_rows = True
    tasks = CLASSIFICATION
    domain = positive(
        "how evenly two images are mixed: alpha of the Beta(alpha, alpha) distribution of the share that is left",
        "Yun et al. 2019",
    )

    def apply(self, batch: Batch, value: tf.Tensor | float, key: NoiseKey) -> Batch:
        """The batch, each image with a box of another."""
        import tensorflow as tf

        alpha = tf.convert_to_tensor(value, tf.float32)

        (name,) = batch.x  # of a model with several inputs it would have to be told which one is cut
        images = batch.x[name]

        def cut() -> tuple[tf.Tensor, tf.Tensor, dict[str, tf.Tensor], tf.Tensor]:
            share = draw_beta(layer_key(key, "share"), alpha)
            partner = draw_partners(layer_key(key, "partner"), batch.counts)
            middle = noise.uniform(layer_key(key, "middle"), (2,))
            height, width = images.shape[1:3]
            inside = _covered(height, share, middle[0])[:, None] & _covered(width, share, middle[1])
            left = 1 - tf.reduce_mean(tf.cast(inside, tf.float32))
            box = tf.reshape(inside, (1, height, width, *[1] * (len(images.shape) - 3)))
            x = tf.where(box, tf.gather(images, partner), images)
            y, further = tf.nest.map_structure(
                lambda rows: left * rows + (1 - left) * tf.gather(rows, partner), (batch.y, dict(batch.further))
            )
            return x, y, further, mixed_weight(batch.weight, partner, left)

        x, y, further, weight = only_if(alpha > 0, cut, lambda: (images, batch.y, dict(batch.further), batch.weight))
        return Batch({name: x}, y, weight, batch.counts, further)


def _covered(size: int, share: tf.Tensor, middle: tf.Tensor) -> tf.Tensor:
    """Which pixels of one side of the image the box covers, shape (size,), bool."""
    import tensorflow as tf

    half = tf.floor(tf.floor(size * tf.sqrt(1 - share)) / 2)
    offset = tf.range(size, dtype=tf.float32) - tf.floor(middle * size)
    return (offset >= -half) & (offset < half)
