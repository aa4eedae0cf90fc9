"""What happened to rows before they reached a model, as layers in front of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import keras

Array = npt.NDArray[Any]


@dataclass(frozen=True, eq=False)
class Scaling:
    """Each input is shifted and scaled: `(x - mean) / deviation`.

    Args:
        mean: Subtracted, shape of one row.
        deviation: Divided by, the same shape.
    """

    mean: Array
    deviation: Array

    def layers(self, shape: tuple[int, ...]) -> list[Any]:
        """The layers that do it, for rows of this shape."""
        import keras

        # Normalization alone would divide by 1e-7 at least.
        return [_centred(self.mean, shape), keras.layers.Rescaling((1 / self.deviation).reshape(shape).tolist())]


@dataclass(frozen=True, eq=False)
class Rotation:
    """Rows, flattened, are centred and multiplied with a matrix: `(x - mean) @ matrix`.

    Args:
        mean: Shape (inputs,).
        matrix: Shape (inputs, inputs).
    """

    mean: Array
    matrix: Array

    def layers(self, shape: tuple[int, ...]) -> list[Any]:
        """The layers that do it, for rows of this shape; they do not train."""
        import keras

        # The mean comes off first: as a bias it would cancel what is left of large inputs.
        dense = keras.layers.Dense(len(self.matrix), use_bias=False, trainable=False, name="whitening")
        dense.build((None, len(self.matrix)))
        dense.set_weights([self.matrix])
        centred = _centred(self.mean, shape)
        if len(shape) == 1:
            return [centred, dense]
        return [centred, keras.layers.Flatten(), dense, keras.layers.Reshape(shape)]


def _centred(mean: Array, shape: tuple[int, ...]) -> keras.Layer:
    """The layer that subtracts."""
    import keras

    axes = tuple(range(1, len(shape) + 1))
    values = mean.reshape(shape).tolist()
    return keras.layers.Normalization(axis=axes, mean=values, variance=np.ones(shape).tolist())


def with_inputs(model: keras.Model, steps: Sequence[Scaling | Rotation], shape: tuple[int, ...]) -> keras.Model:
    """A model that takes rows as they were before the steps; the model itself when there are none.

    Args:
        model: A compiled model with one input; it becomes a layer of the new one, with its names and weights.
        steps: What was done to rows, in order.
        shape: Shape of one row.

    Returns:
        A model compiled alike.
    """
    import keras

    if not steps:
        return model
    rows = passed = keras.Input(shape)
    for step in steps:
        for layer in step.layers(shape):
            passed = layer(passed)
    whole = keras.Model(rows, model(passed), name=f"{model.name}_with_inputs")
    whole.compile_from_config(model.get_compile_config())
    whole.optimizer.build(whole.trainable_variables)
    return whole
