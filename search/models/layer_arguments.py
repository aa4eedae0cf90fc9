"""Arguments of layers that are to differ from the model as it was given: `hidden_1.units`, `block_*.repeat`.

A name is a pattern of layers and an argument of theirs. Of a family's model the description is changed; of the user's
the configuration in its file, which is then read like any other, so that whoever comes after knows of one model only.
`repeat` is no argument of a class: it says how many times a layer, or a nested model, stands where it stands once, 0
leaves it out. The copies of `block` are `block-x2`, `block-x3` ...; what a pattern says of a layer holds for its
copies.
"""

from __future__ import annotations

import difflib
import functools
import glob
import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import Any

from search.models.architecture import Architecture
from search.models.archive import (
    INPUT,
    WEIGHTLESS,
    Config,
    is_model,
    layer_path,
    ports,
    read_config,
    with_config,
)
from search.models.names import ACTIVATIONS
from search.models.reach import copy_name
from search.models.reading import read_saved
from search.models.repeating import can_be_repeated, forget_shapes, repeat
from search.models.saved import SavedModel
from search.techniques.parts import Part

REPEAT = "repeat"
_LEFT_FROZEN = WEIGHTLESS | {"BatchNormalization"}
_SHAPELESS = "trainable"
"""The argument that leaves the shapes of weights as they are."""

_PLACE = "[model] layers"
_TOLD_ELSEWHERE = {
    "name": "Techniques know layers by their names.",
    "dtype": "See training.precision.",
    "batch_shape": "Rows have the shape that [data] gives them.",
    "quantization_config": "Trained weights are float32.",
}


class LayerArgumentError(ValueError):
    """A name or a value does not fit the layers of a model.

    Args:
        message: `expected ..., received ...`.
        remedy: What to write instead; empty when that is not known.
    """

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.remedy = remedy


def given_value(plain: Architecture, name: str) -> Any:
    """What the layers that a name reaches have of its argument, as a study file would say it.

    Args:
        plain: The model, as it was given.
        name: `LAYER_PATTERN.ARGUMENT`.

    Returns:
        A number, text, truth value or tuple of numbers; None where the layers differ, and where that cannot be said.

    Raises:
        LayerArgumentError: It reaches no layer, or none with such an argument.
    """
    values = [told for told, _ in _reached(plain, name)]
    return values[0] if all(value == values[0] for value in values) else None


def check_value(plain: Architecture, name: str, value: Any) -> None:
    """Refuse a value that some layer cannot have.

    Raises:
        LayerArgumentError: The value does not fit.
    """
    for _, held in _reached(plain, name):
        wanted = _unfit(name.rpartition(".")[2], held, value)
        if wanted is not None:
            raise LayerArgumentError(f"expected {wanted} for {name}, received {_shown(value)}")


def with_layer_arguments(plain: Architecture, changes: Mapping[str, Any]) -> Architecture:
    """A family's model with other arguments; those that are as given change nothing.

    Raises:
        LayerArgumentError: A name does not fit the model.
    """
    layers = plain.layers
    for name, value in _repeats_last(changes):
        pattern, _, argument = name.rpartition(".")
        given_value(plain, name)
        changed: list[Part] = []
        for layer in layers:
            is_meant = layer.name not in plain.outputs and fnmatchcase(layer.name, pattern)
            if is_meant and argument == REPEAT:
                changed += [layer.with_arguments(name=copy_name(layer.name, copy)) for copy in range(1, value + 1)]
            elif is_meant and argument in layer.arguments:
                changed.append(layer.with_arguments(**{argument: _as_held(layer.arguments[argument], value)}))
            else:
                changed.append(layer)
        layers = tuple(changed)
    return replace(plain, layers=layers)


def _repeats_last(changes: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """The changes in an order in which what is said of a layer holds for its copies."""
    return sorted(changes.items(), key=lambda change: change[0].endswith(f".{REPEAT}"))


def unfrozen(names: Sequence[str]) -> dict[str, bool]:
    """What makes frozen layers train, as `[model] layers` says it."""
    return {f"{glob.escape(name)}.{_SHAPELESS}": True for name in names}


def thawed(plain: Architecture, patterns: Sequence[str]) -> tuple[str, ...]:
    """The frozen layers that are to train, by their paths.

    Batch normalization stays frozen: with the statistics of small batches it would undo what the layers have learned.

    Args:
        plain: The model.
        patterns: Of their paths, or of their names inside nested models.

    Raises:
        LayerArgumentError: A pattern matches no frozen layer.

    Source: Keras' guide to transfer learning and fine-tuning.
    """
    frozen = [
        layer.name
        for layer in plain.layers
        if layer.arguments.get("trainable") is False and layer.path.removeprefix("layers.") not in _LEFT_FROZEN
    ]
    found = dict[str, None]()
    for pattern in patterns:
        matching = [name for name in frozen if fnmatchcase(name, pattern) or fnmatchcase(name, f"*/{pattern}")]
        if not matching:
            known = ", ".join(frozen) or "none: the model has no frozen layer"
            raise LayerArgumentError(f'expected a pattern that matches one of {known}, received "{pattern}"')
        found |= dict.fromkeys(matching)
    return tuple(found)


def changed_model(saved: SavedModel, changes: Mapping[str, Any]) -> SavedModel:
    """The user's model with other arguments of its layers; the same model where all are as given.

    Raises:
        LayerArgumentError: A name does not fit the model.
        StudyFileError: What comes of it is no model that can be trained.
    """
    if not changes:
        return saved
    text = json.dumps({name: _listed(value) for name, value in changes.items()})
    return _changed(saved, text)


@functools.lru_cache(maxsize=64)
def _changed(saved: SavedModel, text: str) -> SavedModel:
    config = read_config(saved.archive)
    before = json.dumps(config)
    for name, value in _repeats_last(json.loads(text)):
        _change(config, name, value, _ends(config, saved))
    if json.dumps(config) == before:
        return saved
    shapeless = all(name.endswith(f".{_SHAPELESS}") for name in json.loads(text))
    if saved.keeps_weights and not shapeless:
        message = "expected fresh weights where arguments of layers are changed, received those of the file"
        raise LayerArgumentError(message, 'Leave out weights = "saved".')
    forget_shapes(config["config"])
    read = functools.partial(read_saved, place=_PLACE, keeps_weights=saved.keeps_weights, custom=saved.custom)
    changed = read(with_config(saved.archive, config))
    return replace(changed, origin=saved.origin or saved.archive)


def _ends(config: Config, saved: SavedModel) -> frozenset[str]:
    """The layers that predict, and the last one: what data and loss say how it is."""
    model = config["config"]
    last = [port[0] for port in ports(model["output_layers"])] if "output_layers" in model else [_last(model)]
    return frozenset((*saved.outputs, *last))


def _last(model: Config) -> str:
    return str(model["layers"][-1]["config"]["name"])


def _reached(plain: Architecture, name: str) -> list[tuple[Any, Any]]:
    """What each layer that a name reaches has of its argument: as a study file says it, and as the model holds it."""
    pattern, _, argument = name.rpartition(".")
    told = _TOLD_ELSEWHERE.get(argument)
    if argument.endswith(("_regularizer", "_constraint")):
        told = "Techniques search penalties and constraints: l2, l1, max_norm and others."
    if told is not None:
        raise LayerArgumentError(f"expected an argument that a study may change, received {argument}", told)
    layers = list(_layers(plain))
    matching = [(path, held) for path, held in layers if fnmatchcase(path, pattern)]
    if not matching:
        known = [path for path, _ in layers]
        nearest = difflib.get_close_matches(pattern, known, n=1, cutoff=0.5)
        remedy = f'Did you mean "{nearest[0]}.{argument}"?' if nearest else ""
        shown = ", ".join(known) or "none: only layers before the one that predicts can be changed"
        raise LayerArgumentError(f'expected a pattern that matches one of {shown}, received "{pattern}"', remedy)
    having = [held for _, held in matching if argument in held]
    if not having:
        path, held = matching[0]
        known = sorted(key for key in held if key not in _TOLD_ELSEWHERE and not key.endswith(_TECHNIQUES_OWN))
        nearest = difflib.get_close_matches(argument, known, n=1)
        remedy = f'Did you mean "{pattern}.{nearest[0]}"?' if nearest else ""
        message = f"expected a technique or an argument of {path} ({', '.join(known)}), received {argument}"
        raise LayerArgumentError(message, remedy)
    return [(_told(held[argument]), held[argument]) for held in having]


_TECHNIQUES_OWN = ("_regularizer", "_constraint")


def _layers(plain: Architecture) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every layer and nested model that may be changed, by its path, with its arguments and how often it stands there.

    The layers that predict may not, for the data says how they end.
    """
    if plain.saved is None:
        for layer in plain.layers:
            if layer.name not in plain.outputs:
                yield layer.name, {**{k: v for k, v in layer.arguments.items() if k != "name"}, REPEAT: 1}
        return
    config = read_config(plain.saved.archive)
    ends = _ends(config, plain.saved)
    for _, path, entry in _entries(config["config"], ""):
        if path not in ends:
            yield path, {**_arguments(entry), REPEAT: 1}


def _entries(model: Config, scope: str) -> Iterator[tuple[Config, str, Config]]:
    """Each layer and nested model with the model that it stands in and its path; a model before what is in it."""
    for entry in list(model["layers"]):
        if layer_path(entry) != INPUT:
            path = scope + entry["config"]["name"]
            yield model, path, entry
            if is_model(entry):
                yield from _entries(entry["config"], f"{path}/")


def _arguments(entry: Config) -> Mapping[str, Any]:
    """The arguments of a layer, and of the one that it wraps where it has none of that name; none of a model."""
    if is_model(entry):
        return {}
    own = {key: value for key, value in entry["config"].items() if key not in _WRAPPED}
    return {**_arguments(entry["config"]["layer"]), **own} if isinstance(entry["config"].get("layer"), dict) else own


_WRAPPED = ("layer", "backward_layer")


def _change(config: Config, name: str, value: Any, ends: Collection[str]) -> None:
    """Change every layer that a name reaches, but for those at the end."""
    pattern, _, argument = name.rpartition(".")
    for model, path, entry in list(_entries(config["config"], "")):
        if path in ends or not fnmatchcase(path, pattern):
            continue
        if argument != REPEAT:
            _set(entry, argument, value)
        elif can_be_repeated(model, entry):
            repeat(model, entry, value)
        else:
            message = f"expected a layer that takes one thing, so that it can be repeated or left out, received {path}"
            raise LayerArgumentError(message)


def _set(entry: Config, argument: str, value: Any) -> None:
    own = entry["config"]
    if argument in own:
        own[argument] = _as_held(own[argument], value)
        return
    for key in _WRAPPED:
        if isinstance(own.get(key), dict) and not is_model(entry):
            _set(own[key], argument, value)


def _as_held(held: Any, value: Any) -> Any:
    """A value as the model's description holds it; what is held where a file would say the same."""
    if _same(_told(held), value):
        return held
    if isinstance(held, list | tuple) and not isinstance(value, list | tuple):
        return type(held)([value] * len(held))
    return list(value) if isinstance(value, tuple) and not isinstance(held, tuple) else value


def _same(one: Any, other: Any) -> bool:
    return isinstance(one, bool) == isinstance(other, bool) and _listed(one) == _listed(other)


def _listed(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _told(held: Any) -> Any:
    """What a layer holds as a study file would say it; None for what it cannot say."""
    if isinstance(held, dict) and isinstance(held.get("class_name"), str):
        inner = held.get("config")
        return inner if isinstance(inner, str) else _snake(held["class_name"])
    if isinstance(held, list | tuple):
        return held[0] if held and all(each == held[0] for each in held) else tuple(held) or None
    return held if isinstance(held, str | int | float) else None


def _snake(class_name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", class_name).lower()


def _unfit(argument: str, held: Any, value: Any) -> str | None:
    """What a value has to be instead, in words; None for one that fits, as far as can be told without Keras."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if argument == REPEAT:
        return None if isinstance(value, int) and 0 <= value <= _MOST_COPIES else f"a number from 0 to {_MOST_COPIES}"
    if isinstance(held, bool):
        return None if isinstance(value, bool) else "true or false"
    if argument.endswith("activation"):
        return None if value in ACTIVATIONS else "an activation"
    if isinstance(held, int):
        fits = isinstance(value, int) and not isinstance(value, bool) and (value >= 1 or held < 1)
        return None if fits else "a whole number of at least 1"
    if isinstance(held, float):
        return None if is_number else "a number"
    if isinstance(held, str):
        return None if isinstance(value, str) else "text"
    if isinstance(held, list | tuple) and is_number:
        return None if isinstance(value, int) and value >= 1 else "whole numbers of at least 1"
    if isinstance(held, list | tuple):
        fits = isinstance(value, list | tuple) and len(value) == len(held)
        return None if fits else f"a whole number, or {len(held)} of them"
    return None


_MOST_COPIES = 64


def _shown(value: Any) -> str:
    return json.dumps(_listed(value))
