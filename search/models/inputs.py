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
        """The layer that does it, for rows of this shape."""
        import keras

        axes = tuple(range(1, len(shape) + 1))
        return [
            keras.layers.Normalization(
                axis=axes,
                mean=self.mean.reshape(shape).tolist(),
                variance=np.square(self.deviation).reshape(shape).tolist(),
            )
        ]


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

        dense = keras.layers.Dense(len(self.matrix), trainable=False, name="whitening")
        dense.build((None, len(self.matrix)))
        dense.set_weights([self.matrix, -self.mean @ self.matrix])
        if len(shape) == 1:
            return [dense]
        return [keras.layers.Flatten(), dense, keras.layers.Reshape(shape)]


def with_inputs(model: keras.Model, steps: Sequence[Scaling | Rotation]) -> keras.Model:
    """A model that takes rows as they were before the steps; the model itself when there are none.

    Args:
        model: A compiled model with one input; it becomes a layer of the new one, with its names and weights.
        steps: What was done to rows, in order.

    Returns:
        A model compiled alike.
    """
    import keras

    if not steps:
        return model
    shape = tuple(model.input_shape[1:])
    rows = passed = keras.Input(shape)
    for step in steps:
        for layer in step.layers(shape):
            passed = layer(passed)
    whole = keras.Model(rows, model(passed), name=f"{model.name}_with_inputs")
    whole.compile_from_config(model.get_compile_config())
    return whole
