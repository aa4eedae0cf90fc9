"""Which layers a technique's name reaches.

A technique's own name (`l2`) is shared by every hidden layer that it fits, and by output layers only if
there is no hidden one. `PATTERN.l2` gives the layers whose name matches (`dense_1`, `output`, `dense_*`) a value of
their own instead. A pattern that the space holds and the configuration does not is off on its layers: the
shared value does not flow back into them. What is said of a layer holds for its copies (`layer_arguments`).
"""

from __future__ import annotations

import re
from collections.abc import Collection
from fnmatch import fnmatchcase

from search.models.architecture import Architecture
from search.techniques import TECHNIQUES, LayerTechnique, Technique
from search.techniques.parts import Part, Slot


def governing_names(architecture: Architecture, technique: LayerTechnique, names: Collection[str]) -> dict[str, str]:
    """The name whose value holds for a technique, by layer; layers that the technique stays away from are absent.

    Args:
        architecture: The plain model.
        technique: What is to be used.
        names: The names that there are, of this and of other techniques.
    """
    reachable = candidates(architecture, technique)
    hidden = {layer.name for layer in reachable} - architecture.outputs
    governing = {}
    for layer in reachable:
        own = [name for name in names_of(technique, names) if "." in name and matches(name, layer)]
        if own:
            governing[layer.name] = own[0]
        elif technique.name in names and (layer.name in hidden or not hidden):
            governing[layer.name] = technique.name
    return governing


def candidates(architecture: Architecture, technique: LayerTechnique) -> list[Part]:
    """The layers on which a technique can be used."""
    outputs = architecture.outputs
    fitting = [x for x in architecture.layers if technique.fits(x) and (technique.on_output or x.name not in outputs)]
    if architecture.saved is None or not architecture.saved.is_subclassed:
        return fitting
    return [x for x in fitting if not needs_surgery(technique, x)]


SET_ON_LAYERS = ("_regularizer", "_constraint")
"""How arguments end that can be set on a layer which is there, before it is built."""


def needs_surgery(technique: LayerTechnique, layer: Part) -> bool:
    """Whether a technique does more to a layer than to set what penalizes or bounds its weights."""
    changed, *behind = technique.apply(layer, Slot(technique.name, technique.off))
    set_anew = [name for name, value in changed.arguments.items() if value != layer.arguments.get(name)]
    return bool(behind) or not all(name.endswith(SET_ON_LAYERS) for name in set_anew)


def matches(name: str, layer: Part) -> bool:
    """Whether the pattern of a name matches a layer, or the one of which it is a copy."""
    pattern = pattern_of(name)
    return fnmatchcase(layer.name, pattern) or fnmatchcase(without_copies(layer.name), pattern)


def without_copies(path: str) -> str:
    """The path of a layer in the model as it was given: that of which it, or the model around it, is a copy."""
    return _COPY.sub("", path)


_COPY = re.compile(r"-x\d+(?=/|$)")


def copy_name(name: str, copy: int) -> str:
    """The name of a copy of a layer: the first one is the layer itself."""
    return name if copy == 1 else f"{name}-x{copy}"


def names_of(technique: Technique, names: Collection[str]) -> list[str]:
    """The names of one technique: shared (`l2`) or of a pattern (`dense_*.l2`), in the order given."""
    return [name for name in names if name.rpartition(".")[2] == technique.name]


def pattern_of(name: str) -> str:
    """`dense_*` of `dense_*.l2`."""
    return name.rpartition(".")[0]


def layer_techniques() -> list[LayerTechnique]:
    """Those that change layers, in the order in which they do."""
    return [technique for technique in TECHNIQUES.values() if isinstance(technique, LayerTechnique)]
