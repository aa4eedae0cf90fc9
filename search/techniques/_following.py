"""Layers that techniques put behind a layer."""

from __future__ import annotations

import re
from typing import Any

from search.techniques.parts import Part


def following_layer(layer: Part, path: str, prefix: str, **arguments: Any) -> Part:
    """A layer to stand behind another: of its precision, and named after it.

    `dense_2` is followed by `dropout_2`, any other layer, such as `conv_2`, by `dropout_conv_2`: names are unique in a
    model, and the layer's noise depends on its name.
    """
    number = re.fullmatch(r"dense_(\d+)", layer.name)
    label = number[1] if number else layer.name.replace("/", "_")
    computed_in = {name: layer.arguments[name] for name in ("dtype",) if name in layer.arguments}
    return Part(path, {**arguments, "name": f"{prefix}_{label}", **computed_in})
