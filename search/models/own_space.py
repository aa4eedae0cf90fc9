"""What the user's model brings of its own, as entries of [space]: values in the place of those that it has."""

from __future__ import annotations

import glob
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace

from search.models.architecture import Architecture
from search.models.own import OwnRegularizer, find_own
from search.models.reach import governing_names, layer_techniques
from search.records import SETTING_TABLES
from search.spec import Choices, Domain
from search.techniques import HeadTechnique, LayerTechnique, techniques_of


@dataclass(frozen=True)
class OwnSearch:
    """What `[model] own = "search"` makes of a model.

    Args:
        entries: Names for [space], and their values.
        shared: Names that [space] has for several layers, and that search what the model brings in each that is left to
            them: 0 is not among their values.
        left: What stays as the model brings it, for no technique takes its place.
    """

    entries: dict[str, Choices]
    shared: tuple[str, ...]
    left: tuple[OwnRegularizer, ...]


def search_own(plain: Architecture, names: Collection[str]) -> OwnSearch:
    """Entries for all rates and penalties that a model brings and that a space does not name.

    A name that a space has for several layers (`l2`) gives up those whose own penalty gets an entry, unless none would
    be left to it: then it stays, and searches them.

    Args:
        plain: The user's model, no technique in it.
        names: Every name in [space].
    """
    proposed, left = dict[str, Choices](), list[OwnRegularizer]()
    for own in _in_force(plain):
        technique, name = _searched_by(plain, own, names)
        if technique is None:
            left.append(own)
        elif name is None or ("." not in name and technique.replaces == {own.number}):
            proposed[f"{_pattern(own.layer)}.{technique.name}"] = _choices(own.value, technique.domain)
    idle = _idle(plain, names, proposed)
    return OwnSearch(
        entries={name: values for name, values in proposed.items() if name.rpartition(".")[2] not in idle},
        shared=tuple(sorted(idle)),
        left=tuple(left),
    )


def names_over_own(plain: Architecture, names: Collection[str]) -> tuple[str, ...]:
    """Those names of a space whose "off" leaves something that the model brings.

    Args:
        plain: The model, no technique in it.
        names: Every name in [space].
    """
    held = {(own.layer, own.number) for own in find_own(plain.layers)} if plain.saved is not None else set()
    found = {
        name
        for technique in layer_techniques()
        for layer, name in governing_names(plain, technique, names).items()
        if any((layer, number) in held for number in technique.replaces)
    }
    if plain.beside:  # which weigh as the model was compiled where nothing else is said
        found |= {known.name for known in techniques_of(names) if isinstance(known, HeadTechnique)}
    return tuple(name for name in names if name in found)


def _in_force(plain: Architecture) -> Iterator[OwnRegularizer]:
    """What regularizes while training: nothing does in weights that are frozen, but for noise and dropout."""
    frozen = {layer.name for layer in plain.layers if layer.arguments.get("trainable") is False}
    for own in find_own(plain.layers):
        if own.layer not in frozen or not own.argument.endswith(("_regularizer", "_constraint")):
            yield own


def _searched_by(
    plain: Architecture, own: OwnRegularizer, names: Collection[str]
) -> tuple[LayerTechnique | None, str | None]:
    """The technique whose value takes the place of what a layer has, and the name in [space] that searches it.

    None for both where there is no such technique, for the name where [space] has none.
    """
    fitting = [x for x in layer_techniques() if x.can_be_zero and own.number in x.replaces and _fits(plain, own, x)]
    for technique in fitting:
        name = governing_names(plain, technique, names).get(own.layer)
        if name is not None:
            return technique, name
    # `l1l2`, one value for two numbers, is for those who name it.
    return next(((technique, None) for technique in fitting if technique.replaces == {own.number}), (None, None))


def _fits(plain: Architecture, own: OwnRegularizer, technique: LayerTechnique) -> bool:
    return any(layer.name == own.layer and technique.fits(layer) for layer in plain.layers)


def _idle(plain: Architecture, names: Collection[str], proposed: Iterable[str]) -> set[str]:
    """Names for several layers that would have no layer left beside the proposed ones."""
    together = [*names, *proposed]
    return {
        technique.name
        for technique in layer_techniques()
        if technique.name in governing_names(plain, technique, names).values()
        and technique.name not in governing_names(plain, technique, together).values()
    }


def _pattern(layer: str) -> str:
    """A pattern that matches the layer of that name alone, and is not taken for a table of the study file."""
    pattern = glob.escape(layer)
    return f"[{pattern[0]}]{pattern[1:]}" if pattern.partition(".")[0] in SETTING_TABLES else pattern


def _choices(own: float, domain: Domain) -> Choices:
    """Values from 0 to twice the model's own one, which is tried as "off" anyway."""
    if domain.high <= 1:
        most = min(2 * own, (1 + own) / 2)
        values = [0.0, own / 4, own / 2, own * 3 / 4, (own + most) / 2, most]
    else:
        values = [0.0, own / 100, own / 10, own / 3, 2 * own]
    closed = replace(domain, low_open=False)
    rounded = dict.fromkeys(float(f"{value:.3g}") for value in values)
    return Choices(choices=tuple(value for value in rounded if value != own and closed.contains(value)))
