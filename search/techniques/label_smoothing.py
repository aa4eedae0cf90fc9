"""Label smoothing: no class is quite certain."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from search.techniques._base import CLASSIFICATION, Batch, BatchTechnique
from search.techniques._domains import rate

if TYPE_CHECKING:
    import tensorflow as tf

    from search.techniques.noise import NoiseKey


class LabelSmoothing(BatchTechnique):
    """`y * (1 - value) + value / classes`, for two classes `y * (1 - value) + value / 2`, in the training loss.

    Source: Szegedy et al. 2016, Rethinking the inception architecture for computer vision.
    """

    name = "label_smoothing"
    off = 0.0
    tasks = CLASSIFICATION
    domain = rate("share of a label's certainty that is spread evenly over all classes", "Szegedy et al. 2016")

    def apply(self, batch: Batch, value: tf.Tensor | float, key: NoiseKey) -> Batch:
        """The batch with smooth labels."""
        n_classes = max(batch.y.shape[1], 2)
        return replace(batch, y=batch.y * (1 - value) + value / n_classes)
