"""What happens to every row before a model sees it: in NumPy for training, as Keras layers for an exported model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import keras

Array = npt.NDArray[Any]


class RowStep(Protocol):
    """A map of rows to rows of the same shape, told twice: both ways give the same but for rounding."""

    def __call__(self, rows: Array) -> npt.NDArray[np.float32]:
        """The rows after the step, shape (rows, ...), float32."""
        ...

    def layers(self, shape: tuple[int, ...]) -> list[Any]:
        """The Keras layers that do it, for rows of this shape; none of them trains, and Keras alone loads them."""
        ...


@dataclass(frozen=True, eq=False)
class Scaling:
    """Each input is shifted and scaled: `(x - mean) / deviation`.

    Args:
        mean: Subtracted, one number for each input of a row.
        deviation: Divided by, as many.
    """

    mean: Array
    deviation: Array

    def __call__(self, rows: Array) -> npt.NDArray[np.float32]:
        """The rows after the step."""
        flat = rows.reshape(len(rows), -1)
        return ((flat - self.mean.ravel()) / self.deviation.ravel()).astype(np.float32).reshape(rows.shape)

    def layers(self, shape: tuple[int, ...]) -> list[Any]:
        """The layers that do it, for rows of this shape."""
        import keras

        # Normalization alone would divide by 1e-7 at least.
        return [_centred(self.mean, shape), keras.layers.Rescaling((1 / self.deviation).reshape(shape).tolist())]


@dataclass(frozen=True, eq=False)
class Whitening:
    """Rows, flattened, are centred and multiplied with a matrix: `(x - mean) @ matrix`.

    Args:
        mean: Of each input over the rows that train, shape (inputs,), float64.
        matrix: Shape (inputs, inputs), float64.
    """

    mean: Array
    matrix: Array

    def __call__(self, rows: Array) -> npt.NDArray[np.float32]:
        """The rows after the step."""
        flat = rows.reshape(len(rows), -1)
        return ((flat - self.mean) @ self.matrix).astype(np.float32).reshape(rows.shape)

    def layers(self, shape: tuple[int, ...]) -> list[Any]:
        """The layers that do it, for rows of this shape."""
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
