"""Mixup: rows and labels are mixed in pairs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from search.techniques._base import Batch, BatchTechnique
from search.techniques._domains import positive
from search.techniques._mixing import draw_beta, draw_partners, mixed_weight
from search.techniques._switch import only_if
from search.techniques.noise import layer_key

if TYPE_CHECKING:
    import tensorflow as tf

    from search.techniques.noise import NoiseKey


class Mixup(BatchTechnique):
    """`share * row + (1 - share) * other row`, of x, y and weights alike; one share a batch, of Beta(value, value).

    Source: Zhang et al. 2018, mixup: beyond empirical risk minimization.
    """

    name = "mixup"
    off = 0.0
    mixes_rows = True
    domain = positive(
        "how evenly two rows are mixed: alpha of the Beta(alpha, alpha) distribution of their shares",
        "Zhang et al. 2018",
    )

    def apply(self, batch: Batch, value: tf.Tensor | float, key: NoiseKey) -> Batch:
        """The batch, each row mixed with another."""
        import tensorflow as tf

        alpha = tf.convert_to_tensor(value, tf.float32)

        def mixed() -> tuple[dict[str, tf.Tensor], tf.Tensor, dict[str, tf.Tensor], tf.Tensor]:
            share = draw_beta(layer_key(key, "share"), alpha)
            partner = draw_partners(layer_key(key, "partner"), batch.counts)

            def mix(rows: tf.Tensor) -> tf.Tensor:
                return share * rows + (1 - share) * tf.gather(rows, partner)

            weight = mixed_weight(batch.weight, partner, share)
            x, further = ({name: mix(rows) for name, rows in each.items()} for each in (batch.x, batch.further))
            return x, mix(batch.y), further, weight

        x, y, further, weight = only_if(
            alpha > 0, mixed, lambda: (dict(batch.x), batch.y, dict(batch.further), batch.weight)
        )
        return Batch(x, y, weight, batch.counts, further)
