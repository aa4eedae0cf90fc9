"""The state that an optimizer begins with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import keras


class OptimizerStart:
    """The state that an optimizer begins with, so that it can be used for run after run.

    Most begin with constants; some (ScheduleFreeAdamW) with copies of the weights, and of those it is noted which.
    """

    def __init__(self, optimizer: keras.Optimizer, weights: list[keras.Variable]) -> None:
        self._constants: list[tuple[keras.Variable, npt.NDArray[Any]]] = []
        self._copies: list[tuple[keras.Variable, keras.Variable]] = []
        for variable in optimizer.variables:
            value = variable.numpy()
            source = next((w for w in weights if value.any() and np.array_equal(value, w.numpy())), None)
            if source is None:
                self._constants.append((variable, value))
            else:
                self._copies.append((variable, source))

    def assign(self) -> None:
        """Put the state in place; the weights are the initial ones already."""
        for variable, value in self._constants:
            variable.assign(value)
        for variable, source in self._copies:
            variable.assign(source.value)
