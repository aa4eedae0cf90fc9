"""A configuration's techniques enter a model: its layers, what follows them, and what stands before the first one.

Names are those of the plain model for its layers; a layer that a technique adds is named after the one it follows,
alike in every configuration: noise depends on it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from typing import cast

from search.models.architecture import Architecture
from search.models.reach import governing_names, layer_techniques, names_of
from search.records import Setting
from search.techniques import TECHNIQUES, InputTechnique, LayerTechnique
from search.techniques._base import Value
from search.techniques.parts import Part, Slot


def regularize(
    architecture: Architecture, configuration: Mapping[str, Setting | Slot], space_names: Collection[str]
) -> Architecture:
    """The model with the techniques of one configuration in it.

    Args:
        architecture: The plain model.
        configuration: Names to values, or to slots for them; a technique that is off is absent.
        space_names: Every name in [space], in the configuration or not.

    Returns:
        The same layers, with regularizers and further layers; an equal architecture if everything is off.
    """
    names = {*configuration, *space_names}
    reached = {technique: governing_names(architecture, technique, names) for technique in layer_techniques()}
    taken = {layer.name.rpartition("/")[2] for layer in architecture.layers}
    layers: list[Part] = []
    following: dict[str, tuple[Part, ...]] = {}
    for plain in architecture.layers:
        layer, behind = plain, list[Part]()
        for technique, governing in reached.items():
            name = governing.get(plain.name)
            if name is not None and name in configuration:
                layer, *added = technique.apply(layer, as_value(configuration[name]))
                behind += [_renamed(part, taken) for part in added]
        layers.append(layer)
        if behind:
            following[plain.name] = tuple(behind)
    entering = tuple(_renamed(part, taken) for part in _entering(architecture, configuration))
    return replace(architecture, layers=tuple(layers), entering=entering, following=following)


def open_slots(architecture: Architecture, names: Collection[str]) -> Architecture:
    """The model with every technique of a space in it, their values left open.

    Args:
        architecture: The plain model.
        names: Every name in [space].
    """
    slots = {
        name: Slot(name, technique.off)
        for technique in TECHNIQUES.values()
        if isinstance(technique, LayerTechnique | InputTechnique)
        for name in names_of(technique, names)
    }
    return regularize(architecture, slots, names)


def as_value(setting: Setting | Slot) -> Value:
    """Whole numbers become floats: a coefficient of 1 and one of 1.0 are one model."""
    return setting if isinstance(setting, str | Slot) else float(cast(float, setting))


def _renamed(part: Part, taken: Collection[str]) -> Part:
    """An added layer under a name that no layer of the plain model has."""
    return _renamed(part.with_arguments(name=f"{part.name}_added"), taken) if part.name in taken else part


def _entering(architecture: Architecture, configuration: Mapping[str, Setting | Slot]) -> Iterator[Part]:
    """The layers of input techniques, in the order of `TECHNIQUES`."""
    for name, technique in TECHNIQUES.items():
        if isinstance(technique, InputTechnique) and name in configuration:
            yield from technique.apply(architecture.input_shape, as_value(configuration[name]))
