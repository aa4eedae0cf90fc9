"""Orthogonal regularization: the rows of a kernel, the features' vectors, are kept from pointing one way."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

from search.techniques._base import LayerTechnique, Value
from search.techniques._domains import positive
from search.techniques._switch import only_if
from search.techniques.parts import DENSE_LAYERS, RECURRENT_LAYERS, Part, over

_PATH = "regularizers.OrthogonalRegularizer"


class Orthogonal(LayerTechnique):
    """Adds `value * mean(abs(cos(row, other row)))`, over all pairs of rows of a kernel, to the loss.

    Rows are the weights that lead out of one input. For kernels that are matrices: dense, LSTM and GRU layers.

    Source: Brock et al. 2017, Neural photo editing with introspective adversarial networks (its orthogonal
        regularization); the normalized form of keras.regularizers.OrthogonalRegularizer.
    """

    name = "orthogonal"
    on_output = True
    off = 0.0
    is_penalty = True
    # Keras takes one regularizer a kernel, and this one merges with no other.
    writes = frozenset({"kernel_regularizer.l1", "kernel_regularizer.l2"})
    replaces = frozenset({"kernel_regularizer.factor"})
    domain = positive(
        "coefficient, in the loss, of the mean absolute cosine between two rows of a kernel", "Brock et al. 2017"
    )

    def fits(self, layer: Part) -> bool:
        """Whether the kernel is a matrix without a regularizer of another kind."""
        present: Part | None = layer.arguments.get("kernel_regularizer")
        return layer.path in DENSE_LAYERS | RECURRENT_LAYERS and (present is None or present.path == _PATH)

    def apply(self, layer: Part, value: Value) -> tuple[Part, ...]:
        """The layer with the regularizer on its kernel."""
        present: Part | None = layer.arguments.get("kernel_regularizer")
        arguments = {"mode": "rows", **(present.arguments if present else {})}
        arguments["factor"] = over(value, arguments.get("factor"))
        return (layer.with_arguments(kernel_regularizer=Part(_PATH, arguments)),)

    def stand_ins(self) -> Mapping[str, type]:
        """Without the product of all rows where it is off, and with gradients where a row is zero."""
        return {_PATH: _traced_regularizer()}


@functools.cache
def _traced_regularizer() -> type:
    import keras
    import tensorflow as tf

    class OrthogonalRegularizer(keras.regularizers.OrthogonalRegularizer):
        """Keras' own divides by the length of a row: its gradient at zero is NaN; and so is its value for one row."""

        def __call__(self, inputs: Any) -> Any:
            rows = tf.convert_to_tensor(inputs) if self.mode == "rows" else tf.transpose(inputs)
            return only_if(self.factor > 0, lambda: self.factor * _mean_cosine(rows), lambda: tf.zeros((), rows.dtype))

    return OrthogonalRegularizer


def _mean_cosine(rows: Any) -> Any:
    """Mean absolute cosine of all pairs of rows; 0 for a single row."""
    import tensorflow as tf

    n_pairs = rows.shape[0] * (rows.shape[0] - 1) / 2
    # Keras' normalization: no length below 1e-12.
    directions = rows * tf.math.rsqrt(tf.maximum(tf.reduce_sum(rows**2, axis=1, keepdims=True), 1e-24))
    cosines = tf.matmul(directions, directions, transpose_b=True) * (1 - tf.eye(rows.shape[0], dtype=rows.dtype))
    return 0.5 * tf.reduce_sum(tf.abs(cosines)) / max(n_pairs, 1)
