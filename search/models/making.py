"""From a description to a Keras object."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from search.techniques.parts import Part, Slot

NOTHING: Mapping[str, Any] = MappingProxyType({})


def make_part(part: Part, stand_ins: Mapping[str, type] = NOTHING) -> Any:
    """The Keras object that a part describes, its own parts made first; a slot is off.

    Args:
        part: What to make.
        stand_ins: Classes to be used in the place of Keras' own, by the path of each.
    """
    import keras

    made = {
        name: make_part(value, stand_ins)
        if isinstance(value, Part)
        else value.off
        if isinstance(value, Slot)
        else value
        for name, value in part.arguments.items()
    }
    return (stand_ins.get(part.path) or functools.reduce(getattr, part.path.split("."), keras))(**made)
