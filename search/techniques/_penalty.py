"""Penalties of one kernel become one regularizer."""

from __future__ import annotations

from typing import Any

from search.techniques.parts import Part, Slot


def penalize_kernel(layer: Part, **coefficients: float | Slot) -> Part:
    """The layer with coefficients added to its kernel regularizer.

    Keras takes one regularizer a kernel, so L1 and L2 on one layer merge into `L1L2`. A coefficient that
    is not given leaves no trace: L2 alone is a plain `L2`.

    Args:
        layer: A layer that has a kernel.
        coefficients: `l1`, `l2`, or both.
    """
    present: Part | None = layer.arguments.get("kernel_regularizer")
    merged: dict[str, Any] = {**(present.arguments if present else {}), **coefficients}
    path = "regularizers." + "".join(name.upper() for name in sorted(merged))
    return layer.with_arguments(kernel_regularizer=Part(path, dict(sorted(merged.items()))))
