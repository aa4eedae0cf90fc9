"""Max-norm: after each step, the weights that lead into a unit are scaled down to a largest length."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from typing import Any

from search.techniques._base import LayerTechnique, Value
from search.techniques._domains import positive
from search.techniques._switch import only_if
from search.techniques.parts import KERNEL_AXES, Part, over

_PATH = "constraints.MaxNorm"


class MaxNorm(LayerTechnique):
    """Keeps `norm(weights into a unit) <= value`: `w * min(norm, value) / norm` after each step.

    Source: Srebro and Shraibman 2005, Rank, trace-norm and max-norm; for units in nets, as here, Hinton et al. 2012,
        Improving neural networks by preventing co-adaptation of feature detectors.
    """

    name = "max_norm"
    on_output = True
    off = math.inf
    writes = frozenset({"kernel_constraint"})
    replaces = frozenset({"kernel_constraint.max_value"})
    domain = positive("largest length of the weights that lead into a unit", "Hinton et al. 2012", weak="high")

    def fits(self, layer: Part) -> bool:
        """Whether the layer has a kernel without a constraint of another kind."""
        present: Part | None = layer.arguments.get("kernel_constraint")
        return layer.path in KERNEL_AXES and (present is None or present.path == _PATH)

    def apply(self, layer: Part, value: Value) -> tuple[Part, ...]:
        """The layer with the constraint on its kernel."""
        present: Part | None = layer.arguments.get("kernel_constraint")
        arguments = {"axis": KERNEL_AXES[layer.path], **(present.arguments if present else {})}
        arguments["max_value"] = over(value, arguments.get("max_value"))
        return (layer.with_arguments(kernel_constraint=Part(_PATH, arguments)),)

    def stand_ins(self) -> Mapping[str, type]:
        """Keras' own divides by `norm + 1e-7` whatever the limit: no limit would still change the weights."""
        return {_PATH: _traced_constraint()}


@functools.cache
def _traced_constraint() -> type:
    import keras
    import tensorflow as tf

    class MaxNorm(keras.constraints.MaxNorm):
        def __call__(self, w: Any) -> Any:
            w = tf.convert_to_tensor(w)
            return only_if(self.max_value < math.inf, lambda: super(MaxNorm, self).__call__(w), lambda: w)

    return MaxNorm
