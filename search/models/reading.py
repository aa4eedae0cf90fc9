"""The user's model is read from its file, without Keras: what its layers are, what goes in and what comes out."""

from __future__ import annotations

import functools
import hashlib
import json
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from search.data import ONLY_INPUT, SourceModule
from search.errors import Problem, StudyFileError
from search.models.archive import (
    INPUT,
    KEEPING,
    WEIGHTLESS,
    Config,
    is_model,
    is_operation,
    layer_path,
    ports,
    read_assets,
    read_config,
    read_subclassed,
    read_weights,
    references,
    with_config,
)
from search.models.compiled import read_compiled
from search.models.joining import input_entries, takes_whole_numbers
from search.models.names import ACTIVATIONS
from search.models.saved import Output, SavedModel
from search.models.texts import peel_texts
from search.techniques.parts import Part

_REMEDY = (
    'What works: Sequential and Functional models of Keras\' own layers; with model.custom = "FILE.py" and --trust of '
    "those that the file defines too, and subclassed ones that model.builder returns."
)


class UnbuiltModelError(StudyFileError):
    """A model does not know the shape of its rows."""


ONLY_OUTPUT = "output"
"""The name of the output of a subclassed model."""


def read_saved(
    archive: bytes, place: str, *, keeps_weights: bool = False, custom: SourceModule | None = None
) -> SavedModel:
    """What a `.keras` file says of the model in it.

    Args:
        archive: Content of the file.
        place: Where it was named, for errors.
        keeps_weights: Whether training is to begin at the weights saved.
        custom: The user's file that defines what in the model is not Keras' own; without it there may be no such.

    Raises:
        StudyFileError: The file holds no model that can be rebuilt; `UnbuiltModelError` where it was not built.
    """
    try:
        config = read_config(archive)
    except ValueError as error:
        raise StudyFileError(Problem(place, str(error), _SAVE)) from error
    try:
        return _read(config, archive, place, keeps_weights=keeps_weights, custom=custom)
    except _MALFORMED as error:
        told = f"expected a model as Keras 3 writes it, received {_told_of(error)}"
        raise StudyFileError(Problem(place, told, _SAVE)) from error


_SAVE = 'Save it with Keras 3: model.save("net.keras").'


_MALFORMED = (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError, StopIteration, RuntimeError)
"""What it raises to follow a configuration that is none: anything may be in a file."""


def _told_of(error: Exception) -> str:
    """What is wrong with a configuration that cannot be followed."""
    if isinstance(error, RecursionError):
        return "one that is nested too deeply"
    return f"one that cannot be followed ({type(error).__name__}: {str(error)[:80]})"


def _read(
    config: Config, archive: bytes, place: str, *, keeps_weights: bool, custom: SourceModule | None
) -> SavedModel:
    subclassed = read_subclassed(archive) if custom is not None and not is_model(config) else None
    if subclassed is not None:
        return _subclassed(config, subclassed, archive, custom, keeps_weights=keeps_weights)
    problem = _unknown_code(config, place, has_code=custom is not None)
    if problem is not None:
        raise StudyFileError(problem)
    given, peeled = config, peel_texts(config, place)
    if peeled is not None:
        config = peeled.config
    problem = _wrong_sizes(config, place) or _wrong_ends(config, place) or _shared_between_models(config, place)
    if problem is not None:
        raise StudyFileError(problem)
    outcomes = _outcomes(config)
    names = _output_names(config)
    return SavedModel(
        archive=archive if peeled is None else with_config(archive, config),
        origin=b"" if peeled is None else archive,
        texts=() if peeled is None else peeled.texts,
        sha256=_fingerprint(given, archive, keeps_weights=keeps_weights, custom=custom, reads_text=peeled is not None),
        keeps_weights=keeps_weights,
        name=config["config"]["name"],
        inputs=tuple((name, tuple(shape[1:])) for name, shape in (_batch_shapes(config) or {}).items()),
        layers=tuple(_part(entry, scope) for entry, scope in _leaves(config)),
        outputs=tuple(dict.fromkeys(path for outcome in outcomes for path in outcome.predicting)),
        ends=tuple(Output(name, each.units, each.activation) for name, each in zip(names, outcomes, strict=True)),
        whole=_whole_inputs(config),
        compiled=read_compiled(config, None if custom is None else custom.file, names),
        custom=custom,
    )


def _subclassed(
    config: Config, told: Config, archive: bytes, custom: SourceModule | None, *, keeps_weights: bool
) -> SavedModel:
    """A model that calls its layers in code of its own: the last of them is taken to be the one that predicts."""
    entries, layers = told["layers"], []
    for entry in entries:
        arguments = {key: _argument(value) for key, value in entry["config"].items()}
        layers.append(Part(layer_path(entry), {**arguments, "name": entry["path"]}))
    weighty = [entry["path"] for entry in entries if entry["has_weights"]]
    weights = hashlib.sha256(read_weights(archive) if keeps_weights else b"").hexdigest()
    sha256 = None if custom is None else custom.sha256
    content = json.dumps([config["config"], told, weights, keeps_weights, sha256], sort_keys=True)
    return SavedModel(
        archive=archive,
        sha256=hashlib.sha256(content.encode()).hexdigest(),
        keeps_weights=keeps_weights,
        name=config["config"].get("name", config["class_name"].lower()),
        inputs=((ONLY_INPUT, tuple(told["input_shape"][1:])),),
        layers=tuple(layers),
        outputs=tuple(weighty[-1:]),
        ends=(Output(ONLY_OUTPUT, told["units"], _activation(entries[-1]) if entries else "linear"),),
        compiled=read_compiled(config, None if custom is None else custom.file),
        custom=custom,
        is_subclassed=True,
    )


def _wrong_sizes(config: Config, place: str) -> Problem | None:
    """A size of a layer that no layer has."""
    for entry, scope in _leaves(config):
        for name in _SIZES:
            size = entry["config"].get(name, 1)
            if size is not None and (not isinstance(size, int) or isinstance(size, bool) or size < 1):
                layer = f"{scope}{entry['config']['name']}"
                message = f"expected {name} of layer {layer} to be a whole number of at least 1, received {size!r}"
                return Problem(place, message)
    return None


_SIZES = ("units", "filters", "input_dim", "output_dim", "num_heads", "key_dim", "depth_multiplier")
"""Arguments of Keras' own layers that are whole numbers of at least 1."""


def _unknown_code(config: Config, place: str, *, has_code: bool) -> Problem | None:
    """What cannot be made without code that the file does not hold, or that is not run from a file."""
    if not is_model(config):
        kind = "the subclassed model" if _is_foreign(config) else "a"
        message = f"expected a Sequential or Functional model, received {kind} {config['class_name']}"
        return Problem(place, message, _REMEDY)
    found = list(dict.fromkeys(_foreign_objects(config["config"]["layers"], has_code=has_code)))
    if found:
        return Problem(place, f"expected layers of Keras itself, received {', '.join(found)}", _REMEDY)
    return None


def _foreign_objects(node: Any, *, has_code: bool) -> Iterator[str]:
    """Everything below that is not Keras' own, in words; what has a name may be defined by code that is at hand."""
    if isinstance(node, list):
        for each in node:
            yield from _foreign_objects(each, has_code=has_code)
    elif isinstance(node, dict):
        inner = node.get("config")
        if node.get("class_name") == "Lambda":
            yield f'the Lambda layer "{node["config"]["name"]}"'
        elif node.get("class_name") == "function":
            if inner not in ACTIVATIONS and not has_code:
                yield f'the function "{str(inner).rpartition(">")[2]}"'
        elif node.get("class_name") == "__lambda__" or _is_code(node):
            yield "a lambda function"
        elif _is_foreign(node) and not has_code:
            named = f' (layer "{inner["name"]}")' if isinstance(inner, dict) and "name" in inner else ""
            yield f"the class {node['class_name']}{named}"
        else:
            for each in node.values():
                yield from _foreign_objects(each, has_code=has_code)


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
        names = _output_names(config)
        if len(set(names)) < len(names):
            twice = next(name for name in names if names.count(name) > 1)
            message = f"expected outputs of different names, received several that are called {twice}"
            return Problem(place, message, "Give the layers that predict names, and let each predict once.")
    shapes = _batch_shapes(config)
    if shapes is None:
        message = "expected a model that knows the shape of its rows, received one that was not built"
        raise UnbuiltModelError(Problem(place, message, "Begin it with keras.Input(shape), then save it."))
    sizes = [shape[0] for shape in shapes.values() if shape[0] is not None]
    if sizes:
        message = f"expected a model for batches of any size, received one for batches of {sizes[0]}"
        return Problem(place, message, "Leave batch_size out of keras.Input.")
    return None


def _batch_shapes(config: Config) -> dict[str, list[int | None]] | None:
    """Of each input by its name; None for a model that was not built."""
    model = config["config"]
    if "input_layers" in model:
        return {entry["config"]["name"]: entry["config"]["batch_shape"] for entry in input_entries(model)}
    if layer_path(model["layers"][0]) == INPUT:
        return {model["layers"][0]["config"]["name"]: model["layers"][0]["config"]["batch_shape"]}
    shape = model.get("build_input_shape")
    return None if shape is None else {ONLY_INPUT: shape}


def _whole_inputs(config: Config) -> tuple[str, ...]:
    """The names of inputs of whole numbers."""
    model = config["config"]
    entries = (
        input_entries(model) if "input_layers" in model else [x for x in model["layers"] if layer_path(x) == INPUT]
    )
    return tuple(x["config"]["name"] for x in entries if takes_whole_numbers(x["config"]["dtype"]))


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
class _Outcome:
    """What comes out of a layer.

    Args:
        predicting: Paths of the layers that made it: those with weights behind which there are none.
        units: Its size along the last axis; None when layers do not tell.
        activation: What was applied last.
    """

    predicting: tuple[str, ...]
    units: int | None
    activation: str


def _outcomes(config: Config) -> list[_Outcome]:
    """What comes out of the whole model at each output."""
    shapes = list((_batch_shapes(config) or {}).values())
    rows = _Outcome((), shapes[0][-1] if len(shapes) == 1 else None, "linear")
    return [_outcome_of_model(config, "", lambda: rows, output) for output in range(len(_given(config["config"])))]


def _output_names(config: Config) -> list[str]:
    """The names of the outputs, as Keras knows them: those of a dictionary, else of the layers that end there."""
    told = config["config"].get("output_layers")
    if isinstance(told, dict):
        return list(told)
    return [name for name, _, _ in _given(config["config"])]


def _outcome_of_model(model: Config, scope: str, entering: Callable[[], _Outcome], output: int = 0) -> _Outcome:
    """What comes out of a model, perhaps a nested one, at one of its outputs.

    Args:
        model: The model.
        scope: Names of the models around its layers, each followed by a slash.
        entering: What its inputs take: asked for only when no layer with weights stands before.
        output: Number of the output.
    """

    @functools.cache  # operations often take one thing many times
    def outcome(name: str, use: int, output: int) -> _Outcome:
        entry = _entry(model["config"], name)
        path = scope + name
        if layer_path(entry) == INPUT:
            return entering()

        def before() -> list[_Outcome]:
            taken = _taken(model["config"], entry, use)
            return [entering()] if taken is None else [outcome(*port) for port in taken]

        if is_model(entry):
            return _outcome_of_model(entry, f"{path}/", lambda: _together(before()), output)
        if _is_weightless(entry):
            return _passed_on(entry, before())
        units = entry["config"].get("units", entry["config"].get("filters"))
        return _Outcome((path,), units, _activation(entry))

    return outcome(*_given(model["config"])[output])


def _given(model: Config) -> list[tuple[str, int, int]]:
    """`(layer, use, output)` of all that comes out of a model, uses counted from zero."""
    if "output_layers" not in model:
        return [(model["layers"][-1]["config"]["name"], 0, 0)]
    # Keras counts the uses of a nested Functional model from one here, though from zero where a layer takes from it.
    first = {x["config"]["name"]: int("output_layers" in x["config"]) for x in model["layers"]}
    return [(name, use - first[name], output) for name, use, output in ports(model["output_layers"])]


def _taken(model: Config, entry: Config, use: int) -> list[list[Any]] | None:
    """`[layer, use, output]` of all that one use of a layer takes; None where it is what enters the model."""
    if "output_layers" in model:
        return list(references(entry["inbound_nodes"][use]))
    place = model["layers"].index(entry)
    return [[model["layers"][place - 1]["config"]["name"], 0, 0]] if place else None


def _together(outcomes: Sequence[_Outcome]) -> _Outcome:
    """What several have in common: unequal sizes may be stretched, unequal activations are none."""
    units = {outcome.units for outcome in outcomes}
    activations = {outcome.activation for outcome in outcomes}
    return _Outcome(
        tuple(dict.fromkeys(path for outcome in outcomes for path in outcome.predicting)),
        units.pop() if len(units) == 1 else None,
        activations.pop() if len(activations) == 1 else "linear",
    )


def _is_weightless(entry: Config) -> bool:
    return layer_path(entry).removeprefix("layers.") in WEIGHTLESS or is_operation(entry)


_ELEMENTWISE_NAMES = (
    "Absolute Add Cast Clip Divide Equal Exp Expm1 Greater GreaterEqual Less LessEqual Log Log1p Maximum Minimum "
    "Multiply Negative Power Reciprocal Sqrt Square Subtract TrueDivide Where"
)
_ELEMENTWISE = frozenset(_ELEMENTWISE_NAMES.split())
"""Operations on each number alone; activations are others."""

_ACTIVATION_OF_CLASS = {name.replace("_", ""): name for name in ACTIVATIONS}


def _passed_on(entry: Config, before: Sequence[_Outcome]) -> _Outcome:
    """What a layer without weights makes of what it takes."""
    together = _together(before)
    activation = _activation(entry)
    if activation == "linear" and layer_path(entry).removeprefix("layers.") in KEEPING:
        activation = together.activation
    return _Outcome(together.predicting, _units(entry, before), activation)


def _activation(entry: Config) -> str:
    """What a layer does last: the name of an activation, or of another thing that stands in its place."""
    named = _ACTIVATION_OF_CLASS.get(entry["class_name"].lower())
    if named is not None:
        return named
    given = entry["config"].get("activation") or "linear"
    return str(given if isinstance(given, str) else given.get("config", given))


def _units(entry: Config, before: Sequence[_Outcome]) -> int | None:
    """The size along the last axis behind a layer without weights."""
    known = [outcome.units for outcome in before if outcome.units is not None]
    match layer_path(entry):
        case "layers.Reshape":
            shape = entry["config"]["target_shape"]
            return shape[0] if len(shape) == 1 and shape[0] > 0 else None
        case "layers.Flatten":
            shape = (entry.get("build_config") or {}).get("input_shape") or [None, None]
            return None if None in shape[1:] else math.prod(shape[1:])
        case "layers.Concatenate":
            return sum(known) if entry["config"]["axis"] == -1 and len(known) == len(before) else None
        case "layers.Dot" | "layers.Permute":
            return None
    return None if is_operation(entry) and not _keeps_shape(entry) else _together(before).units


def _keeps_shape(operation: Config) -> bool:
    """Whether an operation is on each number alone, and takes numbers beside what layers give, not arrays of them."""
    name = operation["class_name"]
    if name not in _ELEMENTWISE and name.lower() not in _ACTIVATION_OF_CLASS:
        return False
    return not any('"__numpy__"' in json.dumps(node) for node in operation["inbound_nodes"])


def _fingerprint(
    config: Config, archive: bytes, *, keeps_weights: bool, custom: SourceModule | None, reads_text: bool
) -> str:
    """Equal for a model that is saved twice: dates do not count, nor the numbers that Keras gives its objects.

    Nor do the names of inputs and of the model, which differ when a function that names all else is called twice.

    Weights that are drawn anew say nothing of a model: a builder gives others each time.
    """
    copy = json.loads(json.dumps(config), object_hook=_without_identity)
    _number_inputs(copy)
    layers = {key: value for key, value in copy["config"].items() if key != "name"}
    kept = read_weights(archive) if keeps_weights or any(map(_keeps_own_weights, _leaves(config))) else b""
    told = [layers, hashlib.sha256(kept).hexdigest(), keeps_weights, *([] if custom is None else [custom.sha256])]
    if reads_text:  # others were told without, by studies that go on
        told.append(hashlib.sha256(read_assets(archive)).hexdigest())
    content = json.dumps(told)
    return hashlib.sha256(content.encode()).hexdigest()


def _without_identity(node: Config) -> Config:
    return {key: value for key, value in node.items() if key != "shared_object_id"}


def _number_inputs(model: Config) -> None:
    """Put numbers in the place of inputs' names, which Keras makes of a count when nobody gives them."""
    ends = model["config"]
    numbers: dict[str, int] = {}
    for entry in ends["layers"]:
        if is_model(entry):
            _number_inputs(entry)
        elif layer_path(entry) == INPUT:
            number = numbers[entry["config"]["name"]] = len(numbers)
            entry["name"] = entry["config"]["name"] = number
    taken = references([entry.get("inbound_nodes") for entry in ends["layers"]])
    for port in [*taken, *(port for key in ("input_layers", "output_layers") for port in ports(ends.get(key, [])))]:
        port[0] = numbers.get(port[0], port[0])


def _keeps_own_weights(leaf: tuple[Config, str]) -> bool:
    """Whether training takes a layer's weights as they are: it is frozen, or was adapted to data."""
    entry, _ = leaf
    return entry["class_name"] == "Normalization" or not entry["config"].get("trainable", True)
