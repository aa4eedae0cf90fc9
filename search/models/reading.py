"""The user's model is read from its file, without Keras: what its layers are, what goes in and what comes out."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from search.errors import Problem, StudyFileError
from search.models.archive import INPUT, Config, is_model, layer_path, ports, read_config, read_weights, references
from search.models.names import ACTIVATIONS, OPTIMIZERS
from search.models.saved import SavedModel
from search.techniques.parts import Part

_REMEDY = (
    "What works: Sequential and Functional models of Keras' own layers. Subclassed models, custom layers and functions "
    "cannot be rebuilt from a file without running its code."
)


def read_saved(archive: bytes, place: str, *, keeps_weights: bool = False) -> SavedModel:
    """What a `.keras` file says of the model in it.

    Args:
        archive: Content of the file.
        place: Where it was named, for errors.
        keeps_weights: Whether training is to begin at the weights saved.

    Raises:
        StudyFileError: The file holds no model that can be rebuilt, or one with several inputs or outputs.
    """
    try:
        config = read_config(archive)
    except ValueError as error:
        raise StudyFileError(Problem(place, str(error), 'Save it with Keras 3: model.save("net.keras").')) from error
    problem = _unknown_code(config, place) or _wrong_ends(config, place) or _shared_between_models(config, place)
    if problem is not None:
        raise StudyFileError(problem)
    predicting = _predicting(config)
    return SavedModel(
        archive=archive,
        sha256=_fingerprint(config, archive, keeps_weights=keeps_weights),
        keeps_weights=keeps_weights,
        name=config["config"]["name"],
        input_shape=tuple((_batch_shape(config) or [])[1:]),
        layers=tuple(_part(entry, scope) for entry, scope in _leaves(config)),
        output=predicting.path,
        units=predicting.units,
        activation=predicting.activation,
        training=_compiled(config),
    )


def _compiled(config: Config) -> dict[str, Any]:
    """What a compiled model tells of its training."""
    optimizer = (config.get("compile_config") or {}).get("optimizer")
    if not isinstance(optimizer, dict) or optimizer["class_name"].lower() not in OPTIMIZERS:
        return {}
    told: dict[str, Any] = {"optimizer": optimizer["class_name"].lower()}
    rate = optimizer["config"]["learning_rate"]
    if isinstance(rate, float):  # not a schedule
        told["learning_rate"] = float(f"{rate:.7g}")  # what float32 holds, without the digits that it adds
    return told


def _unknown_code(config: Config, place: str) -> Problem | None:
    """What cannot be made without code that the file does not hold, or that is not run from a file."""
    if not is_model(config):
        kind = "the subclassed model" if _is_foreign(config) else "a"
        message = f"expected a Sequential or Functional model, received {kind} {config['class_name']}"
        return Problem(place, message, _REMEDY)
    found = list(dict.fromkeys(_foreign_objects(config["config"]["layers"])))
    if found:
        return Problem(place, f"expected layers of Keras itself, received {', '.join(found)}", _REMEDY)
    return None


def _foreign_objects(node: Any) -> Iterator[str]:
    """Everything below that is not Keras' own, in words."""
    if isinstance(node, list):
        for each in node:
            yield from _foreign_objects(each)
    elif isinstance(node, dict):
        inner = node.get("config")
        if node.get("class_name") == "Lambda":
            yield f'the Lambda layer "{node["config"]["name"]}"'
        elif node.get("class_name") == "function":
            if inner not in ACTIVATIONS:
                yield f'the function "{inner}"'
        elif node.get("class_name") == "__lambda__" or _is_code(node):
            yield "a lambda function"
        elif _is_foreign(node):
            named = f' (layer "{inner["name"]}")' if isinstance(inner, dict) and "name" in inner else ""
            yield f"the class {node['class_name']}{named}"
        else:
            for each in node.values():
                yield from _foreign_objects(each)


def _is_foreign(entry: Config) -> bool:
    name, module = entry.get("class_name"), entry.get("module")
    if name is None or name.startswith("__"):
        return False
    return module is None or not (module == "keras" or module.startswith("keras."))


def _is_code(node: Config) -> bool:
    """Whether it is what Keras writes for a lambda that is an activation."""
    return list(node) == ["value"] and isinstance(node["value"], list)


def _wrong_ends(config: Config, place: str) -> Problem | None:
    """What is wrong with inputs and outputs."""
    ends = config["config"]
    if "input_layers" in ends:
        counts = [len(list(ports(ends[key]))) for key in ("input_layers", "output_layers")]
        if counts != [1, 1]:
            received = " and ".join(
                f"{count} {end}{'s' if count > 1 else ''}"
                for count, end in zip(counts, ("input", "output"), strict=True)
            )
            return Problem(place, f"expected a model with one input and one output, received {received}")
    shape = _batch_shape(config)
    if shape is None:
        message = "expected a model that knows the shape of its rows, received one that was not built"
        return Problem(place, message, "Begin it with keras.Input(shape), then save it.")
    if shape[0] is not None:
        message = f"expected a model for batches of any size, received one for batches of {shape[0]}"
        return Problem(place, message, "Leave batch_size out of keras.Input.")
    return None


def _batch_shape(config: Config) -> list[int | None] | None:
    """None for a model that was not built."""
    model = config["config"]
    if "input_layers" in model:
        shape = _entry(model, next(ports(model["input_layers"]))[0])["config"]["batch_shape"]
    elif layer_path(model["layers"][0]) == INPUT:
        shape = model["layers"][0]["config"]["batch_shape"]
    else:
        shape = model.get("build_input_shape")
    return shape  # type: ignore[no-any-return]  # what JSON holds has no type


def _entry(model: Config, name: str) -> Config:
    return next(entry for entry in model["layers"] if entry["config"]["name"] == name)


def _shared_between_models(config: Config, place: str) -> Problem | None:
    """A layer that stands in two nested models would become two layers; Keras 3.15 does not load such a file either."""
    for entry, scope in _leaves(config):
        if "shared_object_id" in entry:  # which Keras writes when it meets an object again
            path = f"{scope}{entry['config']['name']}"
            message = f"expected each layer in one model, received {path}, which stands in another one too"
            return Problem(place, message, "Let both models be called on a third one that holds the layer.")
    return None


def _leaves(model: Config, scope: str = "") -> Iterator[tuple[Config, str]]:
    """Each layer that is no model and no input, with the names of the models around it, each followed by a slash."""
    for entry in model["config"]["layers"]:
        if is_model(entry):
            yield from _leaves(entry, f"{scope}{entry['config']['name']}/")
        elif layer_path(entry) != INPUT:
            yield entry, scope


def _part(entry: Config, scope: str) -> Part:
    """A layer as a part: regularizers and constraints are parts too, and a plain precision is its name."""
    arguments = {key: _argument(value) for key, value in entry["config"].items()}
    return Part(layer_path(entry), {**arguments, "name": scope + entry["config"]["name"]})


def _argument(value: Any) -> Any:
    if not isinstance(value, dict) or value.get("module") is None:
        return value
    if value["module"] in ("keras.regularizers", "keras.constraints"):
        return Part(layer_path(value), value["config"])
    return value["config"]["name"] if layer_path(value) == "DTypePolicy" else value


@dataclass(frozen=True)
class _Predicting:
    """The layer that predicts, and what comes out of the model."""

    path: str
    units: int | None
    activation: str


_PASSED = (
    "Activation",
    "Dropout",
    "GlobalAveragePooling1D",
    "GlobalAveragePooling2D",
    "GlobalMaxPooling1D",
    "GlobalMaxPooling2D",
    "Sigmoid",
    "Softmax",
)
"""Layers behind the one that predicts: they have no weights, and keep the number of units."""


def _predicting(model: Config, scope: str = "") -> _Predicting:
    entry, activation = _last(model["config"]), "linear"
    while True:
        if is_model(entry):
            inner = _predicting(entry, f"{scope}{entry['config']['name']}/")
            return inner if activation == "linear" else _Predicting(inner.path, inner.units, activation)
        config = entry["config"]
        if activation == "linear":
            activation = _activation(entry)
        before = _before(model["config"], entry) if entry["class_name"] in _PASSED else None
        if before is None:
            return _Predicting(scope + config["name"], config.get("units", config.get("filters")), activation)
        entry = before


def _last(model: Config) -> Config:
    if "output_layers" in model:
        return _entry(model, next(ports(model["output_layers"]))[0])
    return model["layers"][-1]  # type: ignore[no-any-return]


def _activation(entry: Config) -> str:
    """What a layer does last: the name of an activation, or of another thing that stands in its place."""
    if entry["class_name"] in ("Softmax", "Sigmoid"):
        return str(entry["class_name"]).lower()
    given = entry["config"].get("activation") or "linear"
    return str(given if isinstance(given, str) else given.get("config", given))


def _before(model: Config, entry: Config) -> Config | None:
    """The only layer that a layer takes from; None when there are several, or it is the input."""
    if "output_layers" in model:
        names = {name for name, *_ in references(entry["inbound_nodes"])}
        before = [_entry(model, name) for name in names]
    else:
        place = model["layers"].index(entry)
        before = model["layers"][max(place - 1, 0) : place]
    return before[0] if len(before) == 1 and layer_path(before[0]) != INPUT else None


def _fingerprint(config: Config, archive: bytes, *, keeps_weights: bool) -> str:
    """Equal for a model that is saved twice: dates do not count, nor the numbers that Keras gives its objects.

    Weights that are drawn anew say nothing of a model: a builder gives others each time.
    """
    layers = json.loads(json.dumps(config["config"]), object_hook=_without_identity)
    kept = read_weights(archive) if keeps_weights or any(map(_keeps_own_weights, _leaves(config))) else b""
    content = json.dumps([layers, hashlib.sha256(kept).hexdigest(), keeps_weights])
    return hashlib.sha256(content.encode()).hexdigest()


def _without_identity(node: Config) -> Config:
    return {key: value for key, value in node.items() if key != "shared_object_id"}


def _keeps_own_weights(leaf: tuple[Config, str]) -> bool:
    """Whether training takes a layer's weights as they are: it is frozen, or was adapted to data."""
    entry, _ = leaf
    return entry["class_name"] == "Normalization" or not entry["config"].get("trainable", True)
