"""A Keras object described before it is made, so that whoever only reads or prints needs no Keras."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
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
        return self.path in KERNEL_LAYERS

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


KERNEL_LAYERS = frozenset({"layers.Dense", "layers.Conv1D", "layers.Conv2D", "layers.LSTM", "layers.GRU"})
"""Layers with a `kernel_regularizer`."""
