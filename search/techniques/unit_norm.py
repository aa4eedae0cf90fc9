"""Unit norm: after each step, the weights that lead into a unit are scaled to length 1."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

from search.spec.catalogue import Domain
from search.techniques._base import LayerTechnique, Value
from search.techniques._switch import only_if
from search.techniques.parts import KERNEL_AXES, Part, Slot


class UnitNorm(LayerTechnique):
    """Keeps `norm(weights into a unit) == 1`: `w / norm` after each step.

    Source: Salimans and Kingma 2016, Weight normalization (the length fixed at 1, as in keras.constraints.UnitNorm).
    """

    name = "unit_norm"
    on_output = True
    off = 0.0
    writes = frozenset({"kernel_constraint"})
    domain = Domain(
        kind="choice",
        names=("on",),
        meaning="whether the weights that lead into a unit are kept at length 1",
        source="Salimans and Kingma 2016",
    )

    def fits(self, layer: Part) -> bool:
        """Whether the layer has a kernel without a constraint."""
        return layer.path in KERNEL_AXES and layer.arguments.get("kernel_constraint") is None

    def apply(self, layer: Part, value: Value) -> tuple[Part, ...]:
        """The layer with the constraint on its kernel; `on` is an argument of the stand-in alone."""
        switch = {"on": value} if isinstance(value, Slot) else {}
        constraint = Part("constraints.UnitNorm", {"axis": KERNEL_AXES[layer.path], **switch})
        return (layer.with_arguments(kernel_constraint=constraint),)

    def stand_ins(self) -> Mapping[str, type]:
        """With a switch, which Keras' own has not."""
        return {"constraints.UnitNorm": _traced_constraint()}


@functools.cache
def _traced_constraint() -> type:
    import keras
    import tensorflow as tf

    class UnitNorm(keras.constraints.UnitNorm):
        def __init__(self, axis: Any = 0, on: float = 1.0) -> None:
            super().__init__(axis)
            self.on = on

        def __call__(self, w: Any) -> Any:
            w = tf.convert_to_tensor(w)
            return only_if(self.on > 0, lambda: super(UnitNorm, self).__call__(w), lambda: w)

    return UnitNorm
