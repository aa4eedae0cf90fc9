"""The user's model as Python source: the statements that make it with Keras alone.

It is told from the configuration in its file, with the techniques of a configuration in it, in the order in which Keras
itself makes the layers of a file. Arguments at the defaults of `DEFAULTS` are left out.
"""

from __future__ import annotations

import json
import keyword
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from search.models.architecture import Architecture
from search.models.archive import INPUT, Config, is_model, layer_path, ports, read_config, references
from search.models.names import ACTIVATIONS
from search.models.rewriting import rewritten
from search.models.saved import SavedModel
from search.techniques.private import OPERATION_MODULES, is_private

_Initializer = tuple[str, dict[str, Any]]

_ZEROS: _Initializer = ("Zeros", {})
_ONES: _Initializer = ("Ones", {})

DEFAULTS: Mapping[str, Any] = {
    "trainable": True,
    "use_bias": True,
    "seed": None,
    "input_axes": None,
    "output_axes": None,
    "noise_shape": None,
    "quantization_config": None,
    "kernel_initializer": ("GlorotUniform", {}),
    "recurrent_initializer": ("Orthogonal", {"gain": 1.0}),
    "bias_initializer": _ZEROS,
    "beta_initializer": _ZEROS,
    "gamma_initializer": _ONES,
    "moving_mean_initializer": _ZEROS,
    "moving_variance_initializer": _ONES,
    **{f"{of}_regularizer": None for of in ("kernel", "bias", "recurrent", "activity", "beta", "gamma", "embeddings")},
    **{f"{of}_constraint": None for of in ("kernel", "bias", "recurrent", "beta", "gamma", "embeddings")},
    "unit_forget_bias": True,
    "return_state": False,
    "go_backwards": False,
    "stateful": False,
    "unroll": False,
    "zero_output_for_mask": False,
    "use_cudnn": "auto",
    "dtype": "float32",
}
"""Arguments of layers that have the same default in all of Keras: an initializer as its class and its arguments.

A test compares them with the installed Keras.
"""

_IDLE: Mapping[str, Any] = {"training": False, "mask": None}
"""Arguments that Keras notes down of a call by itself. `fit` says anew what they are: in source, `training=False` would
look as if a Dropout did nothing.
"""

_GLOBALS = frozenset(
    {
        *("keras", "numpy", "slice", "float", "model", "optimizer", "others", "SAVED_MODEL"),
        *("build_model", "train_model", "class_weight", "set_saved_weights"),
    }
)

_ENDS = (("inputs", "input_layers"), ("outputs", "output_layers"))

_LONGEST_LINE = 100

_SEVERAL = re.compile(r'"return_(state|attention_scores)": true')
"""What says of a layer that it returns more than one tensor."""

_SEVERAL_OPERATIONS = frozenset(
    [
        "ArraySplit",
        "Divmod",
        "Eig",
        "Eigh",
        "Frexp",
        "Histogram",
        "LuFactor",
        "Meshgrid",
        "Modf",
        "Moments",
        "Nonzero",
        "Qr",
        "Slogdet",
        "Split",
        "SVD",
        "TopK",
        "Unstack",
    ]
)
"""Operations that return more than one tensor, whether all are used or not."""


class UntellableError(ValueError):
    """Something in a model has no source; the message is `expected ..., received ...`."""


@dataclass(frozen=True)
class ModelSource:
    """The source of a model.

    Args:
        imports: Statements beyond `import keras`.
        functions: Functions that make the models inside it.
        body: Statements, the last of which binds `model`.
    """

    imports: tuple[str, ...]
    functions: tuple[str, ...]
    body: tuple[str, ...]


def model_source(architecture: Architecture, saved: SavedModel) -> ModelSource:
    """The source that makes the user's model with techniques in it, named and built as in its file.

    Args:
        architecture: What `regularize` made of its layers; it has no slots.
        saved: The model.

    Raises:
        UntellableError: A layer cannot be told; the message names it.
    """
    config = rewritten(read_config(saved.archive), architecture, (), (), heads=False)
    writer = _Writer()
    body = writer.statements(config, "model")
    return ModelSource(tuple(_import_lines(writer.imports)), tuple(writer.functions), tuple(body))


def _import_lines(imports: Iterable[tuple[str, str]]) -> Iterator[str]:
    for module in sorted({module for module, _ in imports}):
        names = sorted(name for known, name in imports if known == module and name)
        yield f"from {module} import {', '.join(names)}" if names else f"import {module}"


def keeps_own_weights(saved: SavedModel) -> bool:
    """Whether some weights of the file are used: all, or those of layers that have none to train."""
    return saved.keeps_weights or any(
        part.path in ("layers.Normalization", "layers.Discretization")
        or part.arguments.get("trainable") is False
        or (part.path == "layers.BatchNormalization" and not (part.arguments["center"] or part.arguments["scale"]))
        for part in saved.layers
    )


def object_source(value: Any) -> str:
    """A value of a Keras configuration as an expression.

    Raises:
        UntellableError: It has no source.
    """
    return _value(value)


@dataclass
class _Writer:
    """Writes models down; each one inside another becomes a function."""

    imports: set[tuple[str, str]] = field(default_factory=set)
    functions: list[str] = field(default_factory=list)
    names: set[str] = field(default_factory=lambda: set(_GLOBALS))

    def statements(self, model: Config, bound: str) -> list[str]:
        """Statements that make a model and bind it to a name."""
        if "output_layers" in model["config"]:
            return _Graph(self, model["config"]).statements(bound)
        return self._sequence(model["config"], bound)

    def _sequence(self, model: Config, bound: str) -> list[str]:
        layers = "".join(f"\n        {_indented(self.expression(entry), 8)}," for entry in model["layers"])
        lines = [f"{bound} = keras.Sequential(\n    [{layers}\n    ],\n    {_named(model)},\n)"]
        shape = model.get("build_input_shape")
        if layer_path(model["layers"][0]) != INPUT and shape is not None:
            lines.append(f"{bound}.build({tuple(shape)!r})")
        return lines

    def expression(self, entry: Config) -> str:
        """What makes a layer, or a model inside another."""
        name = entry["config"]["name"]
        if is_model(entry):
            return f"{self._function(entry)}()"
        try:
            if layer_path(entry) == INPUT:
                return _input(entry["config"])
            if str(entry["module"]).startswith(OPERATION_MODULES):
                self.imports.add((entry["module"], entry["class_name"]))
                return _call(entry["class_name"], entry["config"])
            return _value(entry)
        except UntellableError as error:
            raise UntellableError(f'{error} in the layer "{name}"') from error

    def _function(self, model: Config) -> str:
        name = _free(f"make_{_identifier(model['config']['name'])}", self.names)
        body = "\n".join(self.statements(model, "model"))
        what = f'"""The model {json.dumps(model["config"]["name"])} inside."""'
        self.functions.append(f"def {name}():\n    {what}\n    {_indented(body, 4)}\n    return model\n")
        return name


class _Graph:
    """A Functional model: who takes from whom.

    Args:
        writer: Makes its layers.
        model: Its configuration.
    """

    def __init__(self, writer: _Writer, model: Config) -> None:
        self._writer, self._model = writer, model
        # Whatever a function may read besides its own variables: a local one of that name would hide it.
        self._taken = {*_GLOBALS, *writer.names, *(entry["class_name"] for entry in model["layers"])}
        self._taken |= {f"make_{_identifier(entry['config']['name'])}" for entry in model["layers"] if is_model(entry)}
        self._entries = {entry["config"]["name"]: entry for entry in model["layers"]}
        self._outputs: dict[tuple[str, int], str] = {}
        self._makers: dict[str, str] = {}
        everything = [model["layers"], model["output_layers"]]
        self._several = {port[0] for port in references(everything) if port[2]}
        self._several |= {port[0] for port in ports(model["output_layers"]) if port[2]}

    def statements(self, bound: str) -> list[str]:
        """Statements that make the model, its layers in the order in which Keras makes those of a file."""
        lines = []
        waiting = {name: list(entry["inbound_nodes"]) for name, entry in self._entries.items()}
        for name, entry in self._entries.items():
            if layer_path(entry) == INPUT:
                variable = self._outputs[name, 0] = self._variable(name)
                lines.append(f"{variable} = {self._writer.expression(entry)}")
        while any(waiting.values()):
            made = [line for name, nodes in waiting.items() for line in self._calls(name, nodes)]
            if not made:
                left = next(name for name, nodes in waiting.items() if nodes)
                raise UntellableError(
                    f'expected layers that take from layers of the model, received another in "{left}"'
                )
            lines += made
        ends = [f"{key}={self._ends(self._model[place])}" for key, place in _ENDS]
        return [*lines, f"{bound} = keras.Model({', '.join(ends)}, {_named(self._model)})"]

    def _calls(self, name: str, nodes: list[Config]) -> Iterator[str]:
        """The calls of a layer for which all is there; they are taken off `nodes`."""
        entry = self._entries[name]
        shared = len(entry["inbound_nodes"]) > 1
        while nodes and all((port[0], port[1]) in self._outputs for port in references(nodes[0])):
            if name not in self._makers:
                maker = self._makers[name] = (
                    self._variable(f"{name}_layer") if shared else self._writer.expression(entry)
                )
                if shared:
                    yield f"{maker} = {self._writer.expression(entry)}"
            use = len(entry["inbound_nodes"]) - len(nodes)
            arguments = self._arguments(name, nodes.pop(0))
            variable = self._outputs[name, use] = self._variable(name)
            yield f"{variable} = {self._makers[name]}({arguments})"

    def _arguments(self, name: str, node: Config) -> str:
        try:
            given = [self._argument(value) for value in node["args"]]
            named = [
                f"{key}={self._argument(value)}"
                for key, value in node["kwargs"].items()
                if key not in _IDLE or value is not _IDLE[key]
            ]
            return ", ".join([*given, *named])
        except UntellableError as error:
            raise UntellableError(f'{error} in a call of "{name}"') from error

    def _argument(self, value: Any) -> str:
        if isinstance(value, dict) and value.get("class_name") == "__keras_tensor__":
            return self._tensor(*value["config"]["keras_history"])
        if isinstance(value, list):
            return f"[{', '.join(map(self._argument, value))}]"
        if isinstance(value, dict) and value.get("class_name") == "__numpy__":
            self._writer.imports.add(("numpy", ""))
            return f"numpy.array({value['config']['value']!r}, {json.dumps(value['config']['dtype'])})"
        return _value(value)

    def _tensor(self, name: str, use: int, output: int) -> str:
        variable = self._outputs[name, use]
        entry = self._entries[name]
        several = name in self._several or entry["class_name"] in _SEVERAL_OPERATIONS
        several = several or bool(_SEVERAL.search(json.dumps([entry["config"], entry["inbound_nodes"]])))
        if is_model(entry):
            ends = entry["config"].get("output_layers", [""])
            several = not isinstance(ends[0], str)
        return f"keras.tree.flatten({variable})[{output}]" if several else variable

    def _ends(self, node: Any) -> str:
        """Inputs or outputs, nested as they are in the file."""
        if isinstance(node, list) and node and isinstance(node[0], str):
            name, use, output = node
            # Keras counts the uses of a Functional model inside from one here, and from zero elsewhere.
            entry = self._entries[name]
            return self._tensor(name, use - int(is_model(entry) and "output_layers" in entry["config"]), output)
        if isinstance(node, dict):
            return f"{{{', '.join(f'{json.dumps(key)}: {self._ends(each)}' for key, each in node.items())}}}"
        return f"[{', '.join(map(self._ends, node))}]"

    def _variable(self, name: str) -> str:
        return _free(_identifier(name), self._taken)


def _input(config: Config) -> str:
    size, *shape = config["batch_shape"]
    given = [repr(tuple(shape)) if size is None else f"batch_shape={tuple(config['batch_shape'])!r}"]
    if config.get("dtype", "float32") != "float32":
        given.append(f"dtype={config['dtype']!r}")
    given += [f"{flag}=True" for flag in ("sparse", "ragged", "optional") if config.get(flag)]
    given.append(f"name={json.dumps(config['name'])}")
    return f"keras.Input({', '.join(given)})"


def _named(model: Config) -> str:
    name = f"name={json.dumps(model['name'])}"
    return name if model.get("trainable", True) else f"{name}, trainable=False"


def _value(value: Any) -> str:
    """A value of a configuration as an expression."""
    if isinstance(value, list):
        return f"[{', '.join(map(_value, value))}]"
    if not isinstance(value, dict):
        return json.dumps(value) if isinstance(value, str) else _number(value)
    if "class_name" not in value:
        return f"{{{', '.join(f'{json.dumps(key)}: {_value(each)}' for key, each in value.items())}}}"
    if value["class_name"] == "__slice__":
        return f"slice({', '.join(_value(value['config'][end]) for end in ('start', 'stop', 'step'))})"
    if value["class_name"] == "__ellipsis__":
        return "..."
    if _path_of(value) == "DTypePolicy":
        return json.dumps(value["config"]["name"])
    if value["class_name"] == "function" and value["config"] in ACTIVATIONS:
        return f"keras.activations.{value['config']}"
    module = value.get("module")
    if module is None or not re.fullmatch(r"keras(\.[a-z]\w*)+", module) or is_private(module):
        raise UntellableError(f"expected objects of Keras' public modules, received {value['class_name']}")
    return _call(f"{module}.{value['class_name']}", value["config"])


def _path_of(value: Config) -> str:
    """As `layer_path`, for an object whose module may be left open."""
    return layer_path(value) if isinstance(value.get("module"), str) else str(value["class_name"])


def _number(value: Any) -> str:
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return f'float("{value}")'
    return repr(value)


def _call(function: str, config: Mapping[str, Any]) -> str:
    given = [f"{name}={_value(value)}" for name, value in config.items() if not _is_default(name, value)]
    one_line = f"{function}({', '.join(given)})"
    if len(one_line) <= _LONGEST_LINE:
        return one_line
    return f"{function}(" + "".join(f"\n    {_indented(each)}," for each in given) + "\n)"


def _is_default(name: str, value: Any) -> bool:
    if name not in DEFAULTS:
        return False
    default = DEFAULTS[name]
    if isinstance(value, dict) and _path_of(value) == "DTypePolicy":
        value = value["config"]["name"]
    if isinstance(default, tuple):
        if not isinstance(value, dict) or value.get("module") != "keras.initializers":
            return False
        class_name, arguments = default
        given = {key: each for key, each in value["config"].items() if each is not None}
        return bool(value["class_name"] == class_name and given == arguments)
    return type(value) is type(default) and bool(value == default)


def _indented(text: str, by: int = 4) -> str:
    """The lines behind the first one, indented by more."""
    return text.replace("\n", "\n" + " " * by)


def _identifier(name: str) -> str:
    word = re.sub(r"\W|^(?=\d)", "_", name, flags=re.ASCII)
    return f"{word}_" if keyword.iskeyword(word) else word


def _free(name: str, taken: set[str]) -> str:
    """The name, with a number if it is taken; it is taken from now on."""
    found, number = name, 1
    while found in taken:
        number += 1
        found = f"{name}_{number}"
    taken.add(found)
    return found
