"""Keras objects that stand in for Keras' own where an argument may be a tensor.

Keras' own ask `if self.l1:` or `if self.rate > 0:`, which a tensor inside a compiled program cannot answer, and
its Dropout draws from a generator that costs many times more there than the training step. These compute the
same, always; with the value that means off, what they add is exactly nothing.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

from search.techniques import noise


@functools.cache
def traced_classes() -> Mapping[str, type]:
    """Classes by the path, below `keras`, of the class that each stands in for."""
    import keras

    class L1L2(keras.regularizers.L1L2):
        def __call__(self, x: Any) -> Any:
            return self.l1 * keras.ops.sum(keras.ops.abs(x)) + self.l2 * keras.ops.sum(keras.ops.square(x))

    class Dropout(keras.layers.Dropout):
        def call(self, inputs: Any, training: bool = False) -> Any:
            if not training:
                return inputs
            return noise.drop(inputs, self.rate, noise.layer_key(noise.current_key(), self.name))

    return {"regularizers.L1L2": L1L2, "layers.Dropout": Dropout}
