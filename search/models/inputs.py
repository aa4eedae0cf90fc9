"""What happened to rows before they reached a model, as layers in front of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from search.techniques import RowStep

if TYPE_CHECKING:
    import keras


def with_inputs(model: keras.Model, steps: Sequence[RowStep], shape: tuple[int, ...]) -> keras.Model:
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
