"""A Keras object described before it is made, so that whoever only reads or prints needs no Keras."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any


@dataclass(frozen=True)
class Part:
    """A Keras object yet to be made.

    Args:
        path: Where the class is found below `keras`: `layers.Dense`, `regularizers.L2`.
        arguments: Keyword arguments of the class; a value may be a `Part` itself.
    """

    path: str
    arguments: Mapping[str, Any] = field(default_factory=dict, hash=False)

    @property
    def name(self) -> str:
        """The name of the layer; an empty string when none was given."""
        return str(self.arguments.get("name", ""))

    @property
    def has_kernel(self) -> bool:
        """Whether it is a layer whose kernel can be penalized."""
        return self.path in KERNEL_LAYERS or (self.is_own and "kernel_regularizer" in self.arguments)

    @property
    def is_own(self) -> bool:
        """Whether its class is one of the user's, not one of Keras."""
        return not self.path.startswith(_KERAS_PACKAGES)

    @property
    def is_recurrent(self) -> bool:
        """Whether it is a layer with gates, whose recurrent kernel can be penalized too."""
        return self.path in RECURRENT_LAYERS

    def with_arguments(self, **changes: Any) -> Part:
        """The same part with some arguments set anew."""
        return Part(self.path, {**self.arguments, **changes})


@dataclass(frozen=True)
class Slot:
    """An argument left open: a model with slots is built once and used with many values.

    Args:
        name: The name in [space] whose value belongs here.
        off: The value with which the technique does nothing at all.
    """

    name: str
    off: float


def over(value: Any, present: float | None) -> Any:
    """A value that takes the place of one that a layer has: a slot keeps that one for "off"."""
    return replace(value, off=float(present)) if isinstance(value, Slot) and present is not None else value


_KERAS_PACKAGES = (
    "layers.",
    "regularizers.",
    "constraints.",
    "initializers.",
    "optimizers.",
    "src.",
    "ops.",
    "models.",
)

DENSE_LAYERS = frozenset({"layers.Dense"})
RECURRENT_LAYERS = frozenset({"layers.LSTM", "layers.GRU"})
KERNEL_AXES: Mapping[str, int | tuple[int, ...]] = {
    "layers.Dense": 0,
    "layers.LSTM": 0,
    "layers.GRU": 0,
    "layers.Conv1D": (0, 1),
    "layers.Conv2D": (0, 1, 2),
    "layers.Conv3D": (0, 1, 2, 3),
    "layers.Conv1DTranspose": (0, 2),
    "layers.Conv2DTranspose": (0, 1, 3),
}
"""The axes of a layer's kernel along which the weights that lead into one unit lie."""

KERNEL_LAYERS = frozenset(KERNEL_AXES)
"""Layers with a `kernel_regularizer`."""
