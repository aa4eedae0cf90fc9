"""What is wrong with the technique names of a space, for the models that it may train."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterator, Sequence
from itertools import combinations

from search.models.architecture import Architecture
from search.models.pretrained import pretrained_layers
from search.models.reach import candidates, governing_names, layer_techniques, matches, names_of, pattern_of
from search.records import Task
from search.techniques import (
    TECHNIQUES,
    BatchTechnique,
    DataTechnique,
    HeadTechnique,
    InputTechnique,
    LayerTechnique,
    PretrainedTechnique,
    Technique,
)

Finding = tuple[str, str, str]
"""A name in [space], what is wrong with it (`expected ..., received ...`), and the remedy."""


def check_patterns(
    architectures: Sequence[Architecture], names: Collection[str], task: Task, thawing: Sequence[str] = ()
) -> list[Finding]:
    """What is wrong with the technique names of a space.

    Args:
        architectures: The plain models: one for each choice of a searched model.
        names: Every name in [space].
        task: What is predicted.
        thawing: Patterns of frozen layers that train in a second phase.

    Returns:
        Names that reach no layer of any model, patterns of one technique that match one layer, techniques that set the
        same thing in one layer, and techniques that the rows, the task or the model are not made for.
    """
    findings = [*_unsuited(architectures, names, task), *_without_a_file(architectures, names, thawing)]
    for technique in layer_techniques():
        patterns: list[str] = []
        for name in names_of(technique, names):
            problem = _unreachable(architectures, technique, name, names) or _overlapping(
                architectures, technique, name, patterns
            )
            if problem:
                findings.append((name, *problem))
            if "." in name:
                patterns.append(name)
    return [*findings, *_conflicts(architectures, names)]


def _unsuited(architectures: Sequence[Architecture], names: Collection[str], task: Task) -> Iterator[Finding]:
    for technique in TECHNIQUES.values():
        for name in names_of(technique, names):
            problem = _unsuited_to_task(technique, task) or _unsuited_to_models(technique, architectures)
            if problem:
                yield (name, *problem)


def _without_a_file(
    architectures: Sequence[Architecture], names: Collection[str], thawing: Sequence[str]
) -> Iterator[Finding]:
    """Techniques that hold weights near those of a file, where training takes none from one."""
    meant = [name for x in TECHNIQUES.values() if isinstance(x, PretrainedTechnique) for name in names_of(x, names)]
    if thawing or not meant or any(pretrained_layers(model) for model in architectures):
        return
    for name in meant:
        message = f"expected a model that trains on from weights of its file for {name}, received one that begins anew"
        yield name, message, 'Add weights = "saved" to [model] or unfreeze to [training], or leave it out.'


def _unsuited_to_task(technique: Technique, task: Task) -> tuple[str, str] | None:
    if task in technique.tasks:
        return None
    wanted = "a regression" if technique.tasks == {"regression"} else "a classification"
    received = "a regression" if task == "regression" else "a classification"
    return f"expected {wanted} for {technique.name}, received {received}", "Leave it out."


def _unsuited_to_models(technique: Technique, architectures: Sequence[Architecture]) -> tuple[str, str] | None:
    if isinstance(technique, HeadTechnique):
        if any(architecture.auxiliary is not None or architecture.beside for architecture in architectures):
            return None
        received = architectures[0].name
        message = f"expected a model with an auxiliary head for {technique.name}, received {received}, which has none"
        return message, 'Choose family = "multitask", or leave it out.'
    if (unsuited := _unsuited_to_whole_numbers(technique, architectures)) is not None:
        return unsuited
    shapes = dict.fromkeys(architecture.input_shape for architecture in architectures)
    for shape in shapes:
        wanted = technique.wants(shape) if isinstance(technique, InputTechnique) else None
        if isinstance(technique, BatchTechnique) and technique.needs_images and len(shape) not in (2, 3):
            wanted = _IMAGES
        if wanted is not None:
            message = f"expected {wanted} for {technique.name}, received rows of shape {shape}"
            return message, "Give [data] shape, as in shape = [8, 8], or leave it out."
    return None


def _unsuited_to_whole_numbers(technique: Technique, architectures: Sequence[Architecture]) -> tuple[str, str] | None:
    """A technique that would make other things of whole numbers, which an Embedding takes as names of things."""
    saved = next((architecture.saved for architecture in architectures if architecture.saved is not None), None)
    if saved is None or not saved.whole:
        return None
    mixes = isinstance(technique, DataTechnique) or (isinstance(technique, BatchTechnique) and technique.mixes_rows)
    if mixes or (isinstance(technique, InputTechnique) and len(saved.whole) == len(saved.inputs)):
        message = f"expected inputs that are quantities for {technique.name}, received whole numbers"
        return f"{message} ({', '.join(saved.whole)})", "Leave it out."
    return None


_IMAGES = "images: rows of shape (height, width) or (height, width, channels)"


def _unreachable(
    architectures: Sequence[Architecture],
    technique: LayerTechnique,
    name: str,
    names: Collection[str],
) -> tuple[str, str] | None:
    """Message and remedy when a name has no effect on any layer of any model."""
    rivals = names if name == technique.name else [name]
    if any(name in governing_names(model, technique, rivals).values() for model in architectures):
        return None
    layers = list(dict.fromkeys(x.name for model in architectures for x in candidates(model, technique)))
    if name == technique.name and layers:
        return f"expected a layer that no pattern of {name} takes, received none", "Leave it out."
    if layers:
        nearest = difflib.get_close_matches(pattern_of(name), layers, n=1, cutoff=0.5)
        remedy = f'Did you mean "{nearest[0]}.{technique.name}"?' if nearest else ""
        known = ", ".join(layers)
        return f'expected a pattern that matches one of {known}, received "{pattern_of(name)}"', remedy
    if any(technique.fits(x) for model in architectures if _is_subclassed(model) for x in model.layers):
        message = f"expected a technique that puts nothing between the layers of a subclassed model, received {name}"
        return (
            message,
            "Penalties and constraints work, and what acts on rows, labels, weights and the course of training.",
        )
    received = "a model that has none" if name == technique.name else f'"{pattern_of(name)}"'
    if any(technique.fits(x) for model in architectures for x in model.layers if x.name in model.outputs):
        return f"expected a hidden layer for {technique.name}, received {received}", "Leave it out."
    return f"expected a layer that {technique.name} can be used on, received {received}", "Leave it out."


def _is_subclassed(model: Architecture) -> bool:
    return model.saved is not None and model.saved.is_subclassed


def _overlapping(
    architectures: Sequence[Architecture], technique: LayerTechnique, name: str, earlier: Sequence[str]
) -> tuple[str, str] | None:
    """Message and remedy when a pattern and an earlier one match the same layer."""
    if "." not in name:
        return None
    for layer in (x for model in architectures for x in candidates(model, technique)):
        for other in earlier:
            if matches(name, layer) and matches(other, layer):
                message = f'expected one pattern of {technique.name} for {layer.name}, received "{other}" too'
                return message, "Make the patterns match different layers."
    return None


def _conflicts(architectures: Sequence[Architecture], names: Collection[str]) -> Iterator[Finding]:
    """Two techniques that set the same thing in one layer, each pair of names once."""
    told = set[tuple[str, str]]()
    for model in architectures:
        governing = [(x, governing_names(model, x, names)) for x in layer_techniques() if names_of(x, names)]
        for layer in model.layers:
            here = [(technique, found[layer.name]) for technique, found in governing if layer.name in found]
            for (first, one), (second, other) in combinations(here, 2):
                both = sorted(first.writes & second.writes)
                if both and (one, other) not in told:
                    told.add((one, other))
                    message = f"expected one of {one} and {other} for the {_in_words(both[0])} of {layer.name}"
                    remedy = "Leave one out, or use them on different layers: LAYER_PATTERN.technique."
                    yield other, f"{message}, received both", remedy


def _in_words(written: str) -> str:
    """`kernel_regularizer.l1` as `kernel`, `recurrent_regularizer.l2` as `recurrent kernel`."""
    weight = written.partition(".")[0].partition("_")[0]
    return "recurrent kernel" if weight == "recurrent" else weight
