"""Batch normalization: each unit's activations are centred and scaled by their batch."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

from search.techniques import noise
from search.techniques._base import LayerTechnique, Value
from search.techniques._domains import rate
from search.techniques._following import following_layer
from search.techniques._switch import only_if
from search.techniques.parts import Part
from search.techniques.private import with_moments


class BatchNorm(LayerTechnique):
    """`gamma * (x - mean) / sqrt(variance + 1e-3) + beta` behind a hidden layer, for each unit or channel.

    Mean and variance are those of the batch while training; when the model is used, they are moving averages:
    `average * momentum + batch * (1 - momentum)` after each step.

    Source: Ioffe and Szegedy 2015, Batch normalization (there before the activation).
    """

    name = "batch_norm"
    on_output = False
    off = -1.0
    domain = rate(
        "batch normalization behind hidden layers: share of its moving averages that a step keeps",
        "Ioffe and Szegedy 2015",
    )

    def apply(self, layer: Part, value: Value) -> tuple[Part, ...]:
        """The layer, followed by the normalization: `dense_2` by `batch_norm_2`."""
        return layer, following_layer(layer, "layers.BatchNormalization", self.name, momentum=value)

    def stand_ins(self) -> Mapping[str, type]:
        """Which can be off, and takes its statistics over the rows that count."""
        return {"layers.BatchNormalization": _traced_layer()}


@functools.cache
def _traced_layer() -> type:
    import keras
    import tensorflow as tf

    def one_axis(moments: Any) -> Any:
        """Keras' own gives masked moments of a single unit without their axis."""
        return tuple(tf.reshape(moment, (-1,)) for moment in moments)

    @with_moments(one_axis)
    class BatchNormalization(keras.layers.BatchNormalization):
        def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
            def normalized() -> Any:
                return super(BatchNormalization, self).call(inputs, training=training, mask=_counting(inputs, mask))

            return only_if(self.momentum >= 0, normalized, lambda: inputs)

    return BatchNormalization


def _counting(inputs: Any, mask: Any) -> Any:
    """Which positions count, shape of `inputs` without its last axis; None where all do."""
    import tensorflow as tf

    rows = noise.current_counts()
    if rows is None:
        return mask
    counts = tf.reshape(rows, (-1, *[1] * (len(inputs.shape) - 2))) > 0
    if mask is not None:
        return counts & tf.cast(mask, tf.bool)
    return tf.broadcast_to(counts, tf.shape(inputs)[:-1])
