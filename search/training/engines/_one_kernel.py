"""Whether XLA makes one kernel of a whole loop of epochs.

Its runtime pays some 50 ns for each kernel that it starts, dozens a step, which is most of what a small net takes. A
loop that touches few bytes is compiled as one kernel instead (`xla_cpu_small_while_loop_byte_threshold`); but inside
one, matrix products are plain loops and no longer the library's. By bytes alone XLA does not tell the two apart, so
nets whose products are worth a library are kept out.

Measured with and without, runs of 60 to 4,000 epochs on one core: 2-32-1 2.9 times as fast, 2-128-1 2.1, 8-16-16-4 1.5,
30-64-1 1.6, 2-500-1 1.4; but 2-24-24-1 0.6 to 1.0, 2-64-64-1 0.1, 60-16-1 0.6, 100-8-1 0.4.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from search.techniques.private import flattened_layers

if TYPE_CHECKING:
    import keras
    import tensorflow as tf

_MOST_INPUTS = 32
_MOST_UNITS = 512
_LARGEST_KERNEL = 256
_FEW_OUTPUTS = 4
_LARGEST_OF_FEW_OUTPUTS = 1024

_WITH_PRODUCTS = "orthogonal"
"""A technique that multiplies kernels."""


def fits_one_kernel(model: keras.Model, optimizer: keras.Optimizer, techniques: Collection[str]) -> bool:
    """Whether a model's products are as fast in plain loops as in a library.

    Args:
        model: With all layers of techniques.
        optimizer: Muon multiplies kernels.
        techniques: Names of techniques that its steps may have.
    """
    import keras

    if isinstance(optimizer, keras.optimizers.Muon):
        return False
    if any(name.rpartition(".")[2] == _WITH_PRODUCTS for name in techniques):
        return False
    weighted = [
        layer for layer in flattened_layers(model) if layer.weights and not _has_layers(layer)
    ]  # frozen ones too
    if not weighted or not all(isinstance(layer, keras.layers.Dense) for layer in weighted):
        return False
    first, *others = (tuple(layer.kernel.shape) for layer in weighted)
    return _is_small_at_inputs(*first) and all(_is_small(*shape) for shape in others)


def kept_apart(numbers: tf.Tensor) -> tf.Tensor:
    """Numbers as they are; XLA makes no single kernel of a loop in which this is computed, for none can sort.

    Args:
        numbers: A scalar, or one for each lane.
    """
    import tensorflow as tf

    return tf.sort(tf.stack([numbers, numbers]), axis=0)[0]


def _has_layers(layer: keras.Layer) -> bool:
    return len(flattened_layers(layer)) > 1


def _is_small_at_inputs(n_inputs: int, n_units: int) -> bool:
    """Nothing is propagated back to the inputs: one product less."""
    return n_inputs <= _MOST_INPUTS and n_units <= _MOST_UNITS


def _is_small(n_inputs: int, n_units: int) -> bool:
    n_weights = n_inputs * n_units
    return n_weights <= _LARGEST_KERNEL or (n_units <= _FEW_OUTPUTS and n_weights <= _LARGEST_OF_FEW_OUTPUTS)
