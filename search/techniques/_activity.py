"""Penalties on a layer's activations."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any, ClassVar

from search.techniques import noise
from search.techniques._base import LayerTechnique, Value
from search.techniques._following import following_layer
from search.techniques._switch import only_if
from search.techniques.parts import Part


class ActivityPenalty(LayerTechnique):
    """A penalty on the activations of a hidden layer, in the mean over the rows of a batch.

    Attributes:
        argument: What the value is in `keras.layers.ActivityRegularization`: `l1` or `l2`.
    """

    argument: ClassVar[str]
    on_output = False
    off = 0.0
    is_penalty = True
    penalizes_activations = True

    def apply(self, layer: Part, value: Value) -> tuple[Part, ...]:
        """The layer, followed by one that penalizes what it sees: `dense_2` by `activity_l1_2`."""
        path = "layers.ActivityRegularization"
        return layer, following_layer(layer, path, self.name, **{self.argument: value})

    def stand_ins(self) -> Mapping[str, type]:
        """Which takes its mean over the rows that count."""
        return {"layers.ActivityRegularization": _traced_layer()}


@functools.cache
def _traced_layer() -> type:
    import keras
    import tensorflow as tf

    class ActivityRegularization(keras.layers.ActivityRegularization):
        """Keras' own divides the sum over all rows of a batch by their number, filler rows included."""

        def __init__(self, **arguments: Any) -> None:
            super().__init__(**arguments)
            self.activity_regularizer = None

        def call(self, inputs: Any) -> Any:
            rows = noise.current_counts()
            for coefficient, size in ((self.l1, tf.abs), (self.l2, tf.square)):

                def penalty(coefficient: Any = coefficient, size: Any = size) -> Any:
                    return coefficient * _mean_of_rows(size(tf.cast(inputs, tf.float32)), rows)

                self.add_loss(only_if(coefficient > 0, penalty, lambda: tf.zeros(())))
            return inputs

    return ActivityRegularization


def _mean_of_rows(x: Any, rows: Any) -> Any:
    """The mean, over rows that count, of the sum of a row."""
    import tensorflow as tf

    sums = tf.reduce_sum(x, axis=list(range(1, len(x.shape))))
    if rows is None:
        return tf.reduce_mean(sums)
    return tf.math.divide_no_nan(tf.reduce_sum(tf.where(rows > 0, sums, 0.0)), tf.reduce_sum(rows))
