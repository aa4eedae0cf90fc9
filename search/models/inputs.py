"""What happened to rows before they reached a model, and to what it predicts, as layers around it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from search.data import TargetScale
from search.techniques import RowStep

if TYPE_CHECKING:
    import keras


def with_ends(
    model: keras.Model, steps: Sequence[RowStep], shape: tuple[int, ...], target_scale: TargetScale | None = None
) -> keras.Model:
    """A model that takes rows as they were before the steps, and predicts in the target's own unit.

    Args:
        model: A compiled model with one input; it becomes a layer of the new one, with its names and weights.
        steps: What was done to rows, in order.
        shape: Shape of one row.
        target_scale: What the targets that it was trained on had been scaled with.

    Returns:
        A model compiled alike; the model itself when nothing was done.
    """
    import keras

    if not steps and target_scale is None:
        return model
    rows = passed = keras.Input(shape)
    for step in steps:
        for layer in step.layers(shape):
            passed = layer(passed)
    predicted = model(passed)
    if target_scale is not None:
        shift, scale = (_by_target(values) for values in (target_scale.mean, target_scale.deviation))
        predicted = keras.layers.Rescaling(scale, shift, name="own_unit", dtype="float32")(predicted)
    whole = keras.Model(rows, predicted, name=f"{model.name}_with_ends")
    whole.compile_from_config(model.get_compile_config())
    whole.optimizer.build(whole.trainable_variables)
    return whole


def _by_target(values: npt.NDArray[np.float64]) -> float | list[float]:
    """A number, or one for each target."""
    numbers: float | list[float] = values.tolist()
    return numbers
