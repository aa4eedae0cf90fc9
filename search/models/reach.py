"""Which layers a technique's name reaches.

A technique's own name (`l2`) is shared by every hidden layer that it fits, and by output layers only if
there is no hidden one. `PATTERN.l2` gives the layers whose name matches (`dense_1`, `output`, `dense_*`) a value of
their own instead. A pattern that the space holds and the configuration does not is off on its layers: the
shared value does not flow back into them.
"""

from __future__ import annotations

from collections.abc import Collection
from fnmatch import fnmatchcase

from search.models.architecture import Architecture
from search.techniques import TECHNIQUES, LayerTechnique, Technique
from search.techniques.parts import Part


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
    return [x for x in architecture.layers if technique.fits(x) and (technique.on_output or x.name not in outputs)]


def matches(name: str, layer: Part) -> bool:
    """Whether the pattern of a name matches a layer."""
    return fnmatchcase(layer.name, pattern_of(name))


def names_of(technique: Technique, names: Collection[str]) -> list[str]:
    """The names of one technique: shared (`l2`) or of a pattern (`dense_*.l2`), in the order given."""
    return [name for name in names if name.rpartition(".")[2] == technique.name]


def pattern_of(name: str) -> str:
    """`dense_*` of `dense_*.l2`."""
    return name.rpartition(".")[0]


def layer_techniques() -> list[LayerTechnique]:
    """Those that change layers, in the order in which they do."""
    return [technique for technique in TECHNIQUES.values() if isinstance(technique, LayerTechnique)]
