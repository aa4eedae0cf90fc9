"""A model of several inputs becomes one of a single input, whose rows hold all of them beside one another.

Rows of several inputs are joined before they train (`search.data.named_inputs`). In the model's configuration each
input gives way to layers of Keras that take its numbers out of a row; a layer of the input's own name ends them, so
that all that took from the input takes from it. No layer with weights changes its name.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Sequence
from typing import Any

from search.data import InputShapes
from search.models.archive import INPUT, Config, layer_path, ports

_ROWS = "rows"


def input_entries(model: Config) -> list[Config]:
    """The inputs of a Functional model, in the order in which it takes them."""
    entries = {entry["config"]["name"]: entry for entry in model["layers"] if layer_path(entry) == INPUT}
    return [entries[port[0]] for port in ports(model["input_layers"])]


def join(model: Config, inputs: InputShapes, entering: Sequence[Config] = ()) -> None:
    """Give a Functional model one input in the place of several.

    Args:
        model: The `config` of the model; it is changed.
        inputs: The inputs in the order in which their numbers stand in a row, each with the shape of one row.
        entering: Layers that change what enters the model, in order. Inputs of whole numbers, which are names of
            things, do not pass them.
    """
    taken = {entry["config"]["name"] for entry in model["layers"]}
    types = {entry["config"]["name"]: entry["config"]["dtype"] for entry in input_entries(model)}
    rows, size = _free(_ROWS, taken), sum(math.prod(shape) for _, shape in inputs)
    added = [_entry("layers.InputLayer", rows, {"batch_shape": [None, size], "dtype": "float32", "sparse": False})]
    passed = rows
    for layer in entering:
        added.append({**layer, **_taking(layer["config"]["name"], passed)})
        passed = layer["config"]["name"]
    columns = {is_whole: _free(f"{_ROWS}_{kind}", taken) for is_whole, kind in ((False, "column"), (True, "whole"))}
    for is_whole in sorted(set(map(takes_whole_numbers, types.values()))):
        taken_from = rows if is_whole else passed
        added.append(_layer("Reshape", columns[is_whole], {"target_shape": [size, 1]}, taken_from))
    first = 0
    for name, shape in inputs:
        added += _taken_out(name, shape, types[name], first, size, columns[takes_whole_numbers(types[name])], taken)
        first += math.prod(shape)
    kept = [entry for entry in model["layers"] if not (layer_path(entry) == INPUT and entry["config"]["name"] in types)]
    model["layers"] = [*added, *kept]
    model["input_layers"] = [rows, 0, 0]


def _taken_out(
    name: str, shape: tuple[int, ...], dtype: str, first: int, size: int, column: str, taken: Collection[str]
) -> Iterator[Config]:
    """Layers that take the numbers of an input out of a row; the last one has the input's name."""
    cells, values = _free(f"{name}_cells", taken), _free(f"{name}_values", taken)
    cropping = [first, size - first - math.prod(shape)]
    yield _layer("Cropping1D", cells, {"cropping": cropping}, column)
    yield _layer("Reshape", values if takes_whole_numbers(dtype) else name, {"target_shape": list(shape)}, cells)
    if takes_whole_numbers(dtype):
        cast = _entry("src.ops.core.Cast", name, {"dtype": dtype}, values)
        yield cast | {"registered_name": "Cast"}


def takes_whole_numbers(dtype: str) -> bool:
    """Whether an input of a type is one of whole numbers or of truth values."""
    return not dtype.startswith(("float", "bfloat"))


def _layer(class_name: str, name: str, arguments: dict[str, Any], taken: str) -> Config:
    # Whatever precision the model computes in: large whole numbers have to stay what they are.
    return _entry(f"layers.{class_name}", name, {"dtype": "float32", **arguments}, taken)


def _entry(path: str, name: str, arguments: dict[str, Any], taken: str | None = None) -> Config:
    """An object as Keras writes it, which takes the output of another one."""
    module, _, class_name = path.rpartition(".")
    described = {"module": f"keras.{module}", "class_name": class_name, "config": {"name": name, **arguments}}
    return {**described, "registered_name": None, **_taking(name, taken)}


def _taking(name: str, taken: str | None) -> Config:
    """The name of an object, and what it takes, as they stand in the list of a model's layers."""
    tensor = {"shape": [None], "dtype": "float32", "keras_history": [taken, 0, 0]}
    call = {"args": [{"class_name": "__keras_tensor__", "config": tensor}], "kwargs": {}}
    return {"name": name, "inbound_nodes": [] if taken is None else [call]}


def _free(name: str, taken: Collection[str]) -> str:
    return _free(f"{name}_", taken) if name in taken else name
