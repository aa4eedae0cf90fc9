"""A configuration's techniques enter the layers that they are meant for.

A technique's own name (`l2`) is shared by every hidden layer that has a kernel, and by the output layer only if
there is no hidden one. `PATTERN.l2` gives the layers whose name matches (`dense_1`, `output`, `dense_*`) a value of
their own instead. A pattern that the space holds and the configuration does not is off on its layers: the
shared value does not flow back into them.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import cast

from search.models.architecture import Architecture
from search.records import Setting
from search.techniques import TECHNIQUES, LayerTechnique
from search.techniques.parts import Part, Slot


def regularize(
    architecture: Architecture, configuration: Mapping[str, Setting | Slot], space_names: Collection[str]
) -> Architecture:
    """The model with the techniques of one configuration in its layers.

    Args:
        architecture: The plain model.
        configuration: Names to values, or to slots for them; a technique that is off is absent.
        space_names: Every name in [space], in the configuration or not.

    Returns:
        The same layers, with regularizers and further layers; an equal architecture if everything is off.
    """
    names = {*configuration, *space_names}
    layers: list[Part] = []
    for plain in architecture.layers:
        layer, following = plain, list[Part]()
        for technique in _layer_techniques():
            name = _governing_name(architecture, plain, technique, names)
            if name is not None and name in configuration:
                value = configuration[name]
                layer, *added = technique.apply(layer, value if isinstance(value, Slot) else float(cast(float, value)))
                following += added
        layers += [layer, *following]
    return architecture.with_layers(tuple(layers))


def open_slots(architecture: Architecture, names: Collection[str]) -> Architecture:
    """The model with every technique of a space in its layers, their values left open.

    Args:
        architecture: The plain model.
        names: Every name in [space].
    """
    slots = {
        name: Slot(name, technique.off) for technique in _layer_techniques() for name in _names_of(technique, names)
    }
    return regularize(architecture, slots, names)


def check_patterns(architectures: Sequence[Architecture], names: Collection[str]) -> list[tuple[str, str, str]]:
    """What is wrong with the technique names of a space, for the models that it may train.

    Args:
        architectures: The plain models: one for each choice of a searched model.
        names: Every name in [space].

    Returns:
        Name, message (`expected ..., received ...`) and remedy of each name that reaches no layer of any model,
        and of each pattern whose layer another pattern of the same technique matches too.
    """
    problems = []
    for technique in _layer_techniques():
        patterns: list[str] = []
        for name in _names_of(technique, names):
            problem = _unreachable(architectures, technique, name, names) or _overlapping(
                architectures, technique, name, patterns
            )
            if problem:
                problems.append((name, *problem))
            if "." in name:
                patterns.append(name)
    return problems


def _layer_techniques() -> Iterator[LayerTechnique]:
    return (technique for technique in TECHNIQUES.values() if isinstance(technique, LayerTechnique))


def _names_of(technique: LayerTechnique, names: Collection[str]) -> list[str]:
    """The names of one technique: shared (`l2`) or of a pattern (`dense_*.l2`), in the order given."""
    return [name for name in names if name.rpartition(".")[2] == technique.name]


def _pattern(name: str) -> str:
    return name.rpartition(".")[0]


def _candidates(architecture: Architecture, technique: LayerTechnique) -> list[Part]:
    """The layers on which a technique can be used."""
    output = architecture.output
    return [x for x in architecture.layers if x.has_kernel and (technique.on_output or x is not output)]


def _governing_name(
    architecture: Architecture, layer: Part, technique: LayerTechnique, names: Collection[str]
) -> str | None:
    """The name whose value holds for a technique on a layer; None when the technique stays away from it."""
    candidates = _candidates(architecture, technique)
    if layer not in candidates:
        return None
    for name in _names_of(technique, names):
        if "." in name and fnmatchcase(layer.name, _pattern(name)):
            return name
    hidden = [candidate for candidate in candidates if candidate is not architecture.output]
    shared = technique.name in names and layer in (hidden or candidates)
    return technique.name if shared else None


def _unreachable(
    architectures: Sequence[Architecture],
    technique: LayerTechnique,
    name: str,
    names: Collection[str],
) -> tuple[str, str] | None:
    """Message and remedy when a name has no effect on any layer of any model."""
    rivals = names if name == technique.name else [name]
    if any(
        _governing_name(model, layer, technique, rivals) == name for model in architectures for layer in model.layers
    ):
        return None
    layers = list(dict.fromkeys(x.name for model in architectures for x in _candidates(model, technique)))
    if name == technique.name and not layers:
        return f"expected a hidden layer for {name}, received a model that has none", "Leave it out."
    if name == technique.name:
        return f"expected a layer that no pattern of {name} takes, received none", "Leave it out."
    if not layers:
        return f'expected a hidden layer for {technique.name}, received "{_pattern(name)}"', "Leave it out."
    nearest = difflib.get_close_matches(_pattern(name), layers, n=1, cutoff=0.5)
    remedy = f'Did you mean "{nearest[0]}.{technique.name}"?' if nearest else ""
    known = ", ".join(layers)
    return f'expected a pattern that matches one of {known}, received "{_pattern(name)}"', remedy


def _overlapping(
    architectures: Sequence[Architecture], technique: LayerTechnique, name: str, earlier: Sequence[str]
) -> tuple[str, str] | None:
    """Message and remedy when a pattern and an earlier one match the same layer."""
    if "." not in name:
        return None
    for layer in (x for model in architectures for x in _candidates(model, technique)):
        for other in earlier:
            if fnmatchcase(layer.name, _pattern(name)) and fnmatchcase(layer.name, _pattern(other)):
                message = f'expected one pattern of {technique.name} for {layer.name}, received "{other}" too'
                return message, "Make the patterns match different layers."
    return None
