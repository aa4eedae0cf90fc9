"""The user's model with techniques in it: the configuration in its file, rewritten.

A `.keras` file holds a model as JSON: its layers, each with its configuration, and for a Functional model which layer
takes what. Layers get the arguments of their parts; layers that follow one are put into the list of a Sequential model,
and between a layer and all who take from it in a Functional one: a shared layer is followed once for each of its uses,
always by the same layers. Classes that have a stand-in give way to it, inside wrappers such as TimeDistributed too.
Everything else stays as it is.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from typing import Any

from search.models.architecture import Architecture
from search.models.archive import INPUT, Config, is_model, layer_path, ports, references
from search.models.joining import join
from search.techniques.parts import Part, Slot

PACKAGE = "regsearch"
"""The package under which Keras knows classes that stand in for its own, each by the path of that one."""


def rewritten(
    config: Config, architecture: Architecture, stand_ins: Collection[str], general: Collection[str], *, heads: bool
) -> Config:
    """The configuration of a model with the parts of an architecture.

    Args:
        config: The model's, as in its file; it stays as it is.
        architecture: What `regularize` or `open_slots` made of the file's layers; a slot is off.
        stand_ins: Paths of the classes that another one is to stand in for, in layers that techniques add.
        general: The same for the user's own layers.
        heads: Whether outputs come out that train beside the study's, behind it.
    """
    copy = json.loads(json.dumps(config))
    _rewrite_model(copy, "", architecture, stand_ins, general)
    entering = [_serialized(part, stand_ins) for part in architecture.entering]
    if architecture.joined:
        join(copy["config"], architecture.joined, entering)
        copy.pop("build_config", None)  # the shapes of the inputs that were joined
    elif entering:
        _enter(copy["config"], entering)
    if "output_layers" in copy["config"]:
        _choose_outputs(copy["config"], architecture, heads=heads)
    return copy  # type: ignore[no-any-return]  # what JSON holds has no type


def _choose_outputs(model: Config, architecture: Architecture, *, heads: bool) -> None:
    """Leave those of a model's outputs that are meant, the study's first."""
    known = list(ports(model["output_layers"]))
    meant = [architecture.place, *(each.place for each in architecture.beside if heads)]
    model["output_layers"] = [known[place] for place in meant] if len(meant) > 1 else known[meant[0]]


def class_paths(node: Any) -> Iterator[str]:
    """The paths of the Keras objects that a layer is made of: its own, and of what it wraps or holds."""
    if isinstance(node, Part):
        yield node.path
        yield from class_paths(dict(node.arguments))
    elif isinstance(node, dict):
        if _is_object(node):
            yield layer_path(node)
        for each in node.values():
            yield from class_paths(each)
    elif isinstance(node, list):
        for each in node:
            yield from class_paths(each)


def _rewrite_model(
    model: Config, scope: str, architecture: Architecture, stand_ins: Collection[str], general: Collection[str]
) -> None:
    model.pop("compile_config", None)  # of its loss and optimizer nothing is used
    parts = {part.name: part for part in architecture.layers}
    for entry in list(model["config"]["layers"]):
        name = entry["config"]["name"]
        if is_model(entry):
            _rewrite_model(entry, f"{scope}{name}/", architecture, stand_ins, general)
        elif layer_path(entry) != INPUT:
            part, module = parts[scope + name], entry["module"]
            entry |= _serialized(part.with_arguments(name=name), general, registered=entry.get("registered_name"))
            entry["module"] = module  # which of a class of the user's own is not below `keras`
            added = architecture.following.get(part.name, ())
            _follow(model["config"], name, [_serialized(each, stand_ins) for each in added])


def _serialized(part: Part, stand_ins: Collection[str], registered: str | None = None) -> Config:
    """An object as Keras writes it."""
    module, _, class_name = part.path.rpartition(".")
    return {
        "module": f"keras.{module}",
        "class_name": class_name,
        "config": {name: _plain(value, stand_ins) for name, value in part.arguments.items()},
        "registered_name": f"{PACKAGE}>{part.path}" if part.path in stand_ins else registered,
    }


def _plain(value: Any, stand_ins: Collection[str]) -> Any:
    """An argument as JSON: what a wrapper holds is there already, but for its stand-in."""
    if isinstance(value, Part):
        return _serialized(value, stand_ins)
    if isinstance(value, dict):
        plain = {key: _plain(each, stand_ins) for key, each in value.items()}
        if _is_object(value) and layer_path(value) in stand_ins:
            plain["registered_name"] = f"{PACKAGE}>{layer_path(value)}"
        return plain
    if isinstance(value, list):
        return [_plain(each, stand_ins) for each in value]
    return value.off if isinstance(value, Slot) else value


def _is_object(node: Config) -> bool:
    """Whether it is what Keras writes for an object of one of its classes."""
    return isinstance(node.get("module"), str) and isinstance(node.get("class_name"), str)


def _follow(model: Config, name: str, added: list[Config]) -> None:
    """Put layers behind each use of a layer."""
    if not added:
        return
    layers = model["layers"]
    place = next(index for index, entry in enumerate(layers) if entry["config"]["name"] == name)
    if "output_layers" in model:
        for taken in (*references([entry["inbound_nodes"] for entry in layers]), *ports(model["output_layers"])):
            if taken[0] == name and taken[2] == 0:
                taken[0] = added[-1]["config"]["name"]
        _connect(name, added, n_uses=max(1, len(layers[place]["inbound_nodes"])))
    layers[place + 1 : place + 1] = added


def _connect(name: str, added: list[Config], n_uses: int) -> None:
    """Let added layers take from one another, the first one from the layer of that name: once for each of its uses."""
    for entry in added:
        taken = [{"shape": [None], "dtype": "float32", "keras_history": [name, use, 0]} for use in range(n_uses)]
        name = entry["name"] = entry["config"]["name"]
        entry["inbound_nodes"] = [
            {"args": [{"class_name": "__keras_tensor__", "config": tensor}], "kwargs": {}} for tensor in taken
        ]


def _enter(model: Config, added: list[Config]) -> None:
    """Put layers between the input and whoever takes from it."""
    if "input_layers" in model:
        _follow(model, next(ports(model["input_layers"]))[0], added)
    else:
        has_input = layer_path(model["layers"][0]) == INPUT
        model["layers"][has_input:has_input] = added
