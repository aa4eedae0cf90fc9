"""Names of Keras that a study may use, written down so that a study file is read without importing Keras.

A test compares them with what the installed Keras provides.
"""

from __future__ import annotations

_ACTIVATIONS = (
    "celu elu exponential gelu hard_shrink hard_sigmoid hard_silu hard_swish hard_tanh leaky_relu linear "
    "log_sigmoid log_softmax mish relu relu6 selu sigmoid silu soft_shrink softmax softplus softsign "
    "sparse_plus sparse_sigmoid sparsemax squareplus swish tanh tanh_shrink"
)
ACTIVATIONS = tuple(_ACTIVATIONS.split())
"""Activations of hidden layers: all of `keras.activations` that keep the number of units and need no argument."""

SCALING_LAYERS = frozenset({"layers.Normalization", "layers.Rescaling", "layers.BatchNormalization"})
"""Layers with which a model that takes rows as they are begins."""
