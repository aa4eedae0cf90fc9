"""Penalties on one weight of a layer become one regularizer."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any, ClassVar

from search.techniques._base import LayerTechnique, Value
from search.techniques.parts import Part, over


class Penalty(LayerTechnique):
    """A penalty on the size of a weight: `value * sum(abs(weight))`, `value * sum(weight ** 2)`, or both.

    Attributes:
        argument: The layer's argument for the regularizer of that weight.
        coefficients: What the value is in that regularizer: `l1`, `l2`, or both.
    """

    argument: ClassVar[str]
    coefficients: ClassVar[tuple[str, ...]]
    on_output = True
    off = 0.0
    is_penalty = True

    def __init_subclass__(cls) -> None:
        cls.writes = cls.replaces = frozenset(f"{cls.argument}.{name}" for name in cls.coefficients)
        cls.shrinks_weights = "kernel_regularizer.l2" in cls.writes

    def fits(self, layer: Part) -> bool:
        """Whether the layer has the weight, and no regularizer that these cannot merge with."""
        is_taken = not layer.is_own or self.argument in layer.arguments
        return layer.has_kernel and is_taken and _merges(layer.arguments.get(self.argument))

    def apply(self, layer: Part, value: Value) -> tuple[Part, ...]:
        """The layer with the penalty in its regularizer."""
        return (penalize(layer, self.argument, **dict.fromkeys(self.coefficients, value)),)

    def stand_ins(self) -> Mapping[str, type]:
        """Of the regularizer that holds both coefficients; those that hold one take tensors as they are."""
        return {"regularizers.L1L2": _traced_l1l2()}


def penalize(layer: Part, argument: str, **coefficients: Value) -> Part:
    """The layer with coefficients in one of its regularizers, in the place of those that it has.

    Keras takes one regularizer a weight, so L1 and L2 of one weight merge into `L1L2`. A coefficient that is
    neither given nor there leaves no trace: L2 alone is a plain `L2`.

    Args:
        layer: A layer that has the weight.
        argument: The argument for the regularizer: `kernel_regularizer`, `bias_regularizer`, ...
        coefficients: `l1`, `l2`, or both.
    """
    present: Part | None = layer.arguments.get(argument)
    merged: dict[str, Any] = dict(present.arguments) if present else {}
    for name, value in coefficients.items():
        merged[name] = over(value, merged.get(name))
    path = "regularizers." + "".join(name.upper() for name in sorted(merged))
    return layer.with_arguments(**{argument: Part(path, dict(sorted(merged.items())))})


def _merges(present: Part | None) -> bool:
    return present is None or present.path in {"regularizers.L1", "regularizers.L2", "regularizers.L1L2"}


@functools.cache
def _traced_l1l2() -> type:
    import keras

    class L1L2(keras.regularizers.L1L2):
        """Keras' own asks `if self.l1 != 0.0`, which a tensor cannot answer."""

        def __call__(self, x: Any) -> Any:
            return self.l1 * keras.ops.sum(keras.ops.abs(x)) + self.l2 * keras.ops.sum(keras.ops.square(x))

    return L1L2
