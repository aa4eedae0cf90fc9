"""Frozen layers in front of those that train: what they make of a row is the same in every epoch, run and trial.

Such a model is cut where the first layer begins that trains, or that does something else at random each time: what lies
before computes each row once (`search.training.features`), and the rest is trained as a model of its own.
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

from search.data import ONLY_INPUT
from search.models.architecture import Architecture
from search.models.archive import (
    INPUT,
    WEIGHTLESS,
    Config,
    is_model,
    is_operation,
    layer_path,
    ports,
    read_config,
    references,
    with_config,
)
from search.models.reach import governing_names, layer_techniques, needs_surgery
from search.models.saved import SavedModel
from search.techniques import BatchTechnique, InputTechnique, techniques_of

_RANDOM_NAMES = (
    "ActivityRegularization AlphaDropout Dropout GaussianDropout GaussianNoise SpatialDropout1D SpatialDropout2D "
    "SpatialDropout3D"
)
# Keras 3.15 lets them act in `fit` also in a model that was called with training=False.
_RANDOM = frozenset(f"layers.{name}" for name in _RANDOM_NAMES.split())
"""Layers without weights that do something else while training."""

_PREPARING = frozenset({"layers.CenterCrop", "layers.Rescaling", "layers.Resizing", "layers.Normalization"})
_INPUT_NAME = "front"


@dataclass(frozen=True, eq=False)
class Front:
    """The frozen front of a model.

    Args:
        saved: The whole model.
        config: The front alone, as Keras writes a model.
        rest: What it leaves, as Keras writes it, but for the shape of a row behind the front.
        names: Paths of the layers of the front.
        sha256: Fingerprint of what it computes, in hexadecimal.
    """

    saved: SavedModel
    config: Config
    rest: Config
    names: frozenset[str]
    sha256: str

    def rest_of(self, architecture: Architecture, shape: tuple[int, ...]) -> Architecture:
        """The architecture without its front.

        Args:
            architecture: The whole model, techniques in it or not.
            shape: Of a row behind the front.
        """
        layers = tuple(layer for layer in architecture.layers if layer.name not in self.names)
        return replace(architecture, inputs={ONLY_INPUT: shape}, layers=layers, saved=_rest(self, shape))


@functools.lru_cache(maxsize=32)
def _rest(front: Front, shape: tuple[int, ...]) -> SavedModel:
    """What a front leaves of the user's model, made once for all runs."""
    saved, config = front.saved, json.loads(json.dumps(front.rest))
    for entry in config["config"]["layers"]:
        if entry["config"]["name"] == _INPUT_NAME:
            entry["config"]["batch_shape"] = [None, *shape]
    return replace(
        saved,
        archive=with_config(saved.archive, config),
        sha256=hashlib.sha256(f"{saved.sha256} behind {sorted(front.names)}".encode()).hexdigest(),
        inputs=((_INPUT_NAME, shape),),
        layers=tuple(layer for layer in saved.layers if layer.name not in front.names),
        origin=saved.origin or saved.archive,
    )


def find_front(plain: Architecture, names: Collection[str]) -> Front | None:
    """The frozen front of a model; None where it has none that computes something, or none that stays the same.

    Args:
        plain: The model, no technique in it.
        names: Every name in [space].
    """
    saved = plain.saved
    if saved is None or saved.is_subclassed or plain.joined or any(map(_changes_rows, techniques_of(names))):
        return None
    if not any(layer.arguments.get("trainable") is False for layer in plain.layers):
        return None
    changed = set[str]()
    for technique in layer_techniques():
        governed = governing_names(plain, technique, names)
        changed |= {x.name for x in plain.layers if x.name in governed and needs_surgery(technique, x)}
    return _found(saved, frozenset(changed))


def _changes_rows(technique: Any) -> bool:
    """Whether a technique changes the rows of a step before the model sees them."""
    return isinstance(technique, InputTechnique) or (isinstance(technique, BatchTechnique) and technique.mixes_rows)


@functools.lru_cache(maxsize=32)
def _found(saved: SavedModel, changed: frozenset[str]) -> Front | None:
    config = read_config(saved.archive)
    config.pop("compile_config", None)
    config.pop("build_config", None)
    fixed = _fixed(config["config"], changed)
    cut = _cut(config["config"], fixed)
    if cut is None or not any(map(_computes, fixed.values())):
        return None
    front, rest = json.loads(json.dumps(config)), json.loads(json.dumps(config))
    _keep_front(front["config"], fixed, cut)
    _keep_rest(rest["config"], fixed, cut)
    names = frozenset(path for name, entry in fixed.items() for path in _paths(entry, name))
    told = json.dumps([front["config"], saved.sha256, saved.keeps_weights])
    return Front(saved, front, rest, names, hashlib.sha256(told.encode()).hexdigest())


def _paths(entry: Config, path: str) -> list[str]:
    """The layer, or all that are in a nested model."""
    if not is_model(entry):
        return [path]
    inner = [each for each in entry["config"]["layers"] if layer_path(each) != INPUT]
    return [found for each in inner for found in _paths(each, f"{path}/{each['config']['name']}")]


def _fixed(model: Config, changed: Collection[str]) -> dict[str, Config]:
    """The layers and nested models that make the same of a row each time, and that take from such alone."""
    fixed: dict[str, Config] = {}
    inputs = {entry["config"]["name"] for entry in model["layers"] if layer_path(entry) == INPUT}
    if "output_layers" not in model:
        for entry in model["layers"]:
            if layer_path(entry) != INPUT:
                if not _stays_same(entry, entry["config"]["name"], changed):
                    break
                fixed[entry["config"]["name"]] = entry
        return fixed
    n_before = -1
    while n_before < len(fixed):
        n_before = len(fixed)
        for entry in model["layers"]:
            name, calls = entry["config"]["name"], entry.get("inbound_nodes", [])
            if name in fixed or name in inputs or len(calls) != 1 or not _stays_same(entry, name, changed):
                continue
            if all(taken[0] in fixed or taken[0] in inputs for taken in references(calls)):
                fixed[name] = entry
    return fixed


def _stays_same(entry: Config, path: str, changed: Collection[str]) -> bool:
    """Whether a layer makes the same of a row each time."""
    if is_model(entry):
        inner = [each for each in entry["config"]["layers"] if layer_path(each) != INPUT]
        return all(_stays_same(each, f"{path}/{each['config']['name']}", changed) for each in inner)
    kind, own = layer_path(entry), entry["config"]
    if path in changed or kind in _RANDOM or own.get("activity_regularizer") is not None:
        return False
    if kind == "layers.Masking" or own.get("mask_zero"):  # what follows is told of it beside the numbers
        return False
    if kind.removeprefix("layers.") in WEIGHTLESS or kind in _PREPARING or is_operation(entry):
        return True
    is_random = any(own.get(rate) for rate in ("dropout", "recurrent_dropout"))
    return kind.startswith("layers.") and "layer" not in own and own.get("trainable") is False and not is_random


def _computes(entry: Config) -> bool:
    """Whether it is worth computing once: a layer with weights."""
    if is_model(entry):
        return any(_computes(each) for each in entry["config"]["layers"] if layer_path(each) != INPUT)
    return entry["config"].get("trainable") is False and layer_path(entry).removeprefix("layers.") not in WEIGHTLESS


def _cut(model: Config, fixed: Mapping[str, Config]) -> tuple[str, int, int] | None:
    """The one output of the front that the rest takes; None where that is none, several, or an input."""
    if "output_layers" not in model:
        return (list(fixed)[-1], 0, 0) if fixed and len(fixed) < len(model["layers"]) else None
    others = [entry for entry in model["layers"] if entry["config"]["name"] not in fixed]
    taken = {tuple(port) for port in references([entry.get("inbound_nodes") for entry in others])}
    if any(port[0] in fixed for port in ports(model["output_layers"])):
        return None
    inputs = {entry["config"]["name"] for entry in others if layer_path(entry) == INPUT}
    crossing = {port for port in taken if port[0] in fixed or port[0] in inputs}
    return next(iter(crossing)) if len(crossing) == 1 and next(iter(crossing))[0] in fixed else None


def _keep_front(model: Config, fixed: Mapping[str, Config], cut: tuple[str, int, int]) -> None:
    model["layers"] = [x for x in model["layers"] if x["config"]["name"] in fixed or layer_path(x) == INPUT]
    if "output_layers" in model:
        name, use, output = cut
        # Keras counts the uses of a nested Functional model from one where a model ends, though else from zero.
        model["output_layers"] = [[name, use + int("output_layers" in fixed[name]["config"]), output]]


def _keep_rest(model: Config, fixed: Mapping[str, Config], cut: tuple[str, int, int]) -> None:
    kept = [x for x in model["layers"] if x["config"]["name"] not in fixed and layer_path(x) != INPUT]
    entry: Config = {
        "module": "keras.layers",
        "class_name": "InputLayer",
        "config": {"name": _INPUT_NAME, "batch_shape": [None], "dtype": "float32", "sparse": False},
        "registered_name": None,
        "name": _INPUT_NAME,
        "inbound_nodes": [],
    }
    model["layers"] = [entry, *kept]
    if "output_layers" in model:
        for taken in references([each["inbound_nodes"] for each in kept]):
            if tuple(taken) == cut:
                taken[:] = [_INPUT_NAME, 0, 0]
        model["input_layers"] = [[_INPUT_NAME, 0, 0]]
    else:
        model.pop("build_input_shape", None)
