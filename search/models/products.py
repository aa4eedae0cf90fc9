"""How many products of two numbers a model takes for one row, and how many weights it has: roughly, without Keras."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from search.models.architecture import Architecture
from search.techniques.parts import Part

_GATES = {"layers.LSTM": 4, "layers.GRU": 3, "layers.SimpleRNN": 1}
"""Products with inputs and state that a step of a recurrent layer takes."""


def count_products(architecture: Architecture) -> int:
    """Products for one row on its way from inputs to outputs, to the order of magnitude.

    Layers are taken one after the other; those that are not known are taken to hand on what they get. Attention and
    branches are thus counted roughly or not at all.
    """
    return sum(count for count, _ in _passed(architecture))


def count_weights(architecture: Architecture) -> int:
    """Weights of a model's kernels, to the order of magnitude, counted as products are."""
    return sum(weights for _, weights in _passed(architecture))


def _passed(architecture: Architecture) -> Iterator[tuple[int, int]]:
    """Products and weights of each layer."""
    shape = next(iter(architecture.inputs.values()))
    for layer in architecture.layers:
        count, behind = _pass(layer, shape)
        yield count, _weights(layer, shape)
        shape = behind


def _weights(layer: Part, shape: tuple[int, ...]) -> int:
    kind, of = layer.path, layer.arguments
    channels = shape[-1] if shape else 1
    if kind == "layers.Dense":
        return channels * int(of["units"])
    if kind in _GATES:
        units = int(of["units"])
        return _GATES[kind] * units * (channels + units)
    if kind == "layers.Embedding":
        return int(of.get("input_dim", 1)) * int(of["output_dim"])
    if kind.startswith("layers.Conv") and isinstance(of.get("filters"), int):
        return math.prod(_sizes(of.get("kernel_size", 1), len(shape) - 1)) * channels * int(of["filters"])
    return 0


def _pass(layer: Part, shape: tuple[int, ...]) -> tuple[int, tuple[int, ...]]:
    """The products of a layer, and the shape of a row behind it."""
    kind, of = layer.path, layer.arguments
    channels = shape[-1] if shape else 1
    if kind == "layers.Dense":
        return math.prod(shape) * int(of["units"]), (*shape[:-1], int(of["units"]))
    if kind in _GATES:
        units = int(of["units"])
        behind = (*shape[:-1], units) if of.get("return_sequences") else (units,)
        return shape[0] * _GATES[kind] * units * (channels + units), behind
    if kind.startswith("layers.Conv") and "filters" in of:
        return _convolve(of, shape)
    if kind == "layers.Embedding":
        return 0, (*shape, int(of["output_dim"]))
    if kind == "layers.Flatten":
        return 0, (math.prod(shape),)
    if kind == "layers.Reshape":
        return 0, _reshaped(tuple(of["target_shape"]), math.prod(shape))
    if kind.startswith("layers.Global"):
        return 0, (channels,)
    if "pool_size" in of:
        return 0, (*_reduced(shape[:-1], of.get("strides") or of["pool_size"]), channels)
    return 0, shape


def _convolve(of: Mapping[str, object], shape: tuple[int, ...]) -> tuple[int, tuple[int, ...]]:
    *places, channels = shape
    filters = of["filters"]
    if not isinstance(filters, int):
        return 0, shape
    behind = _reduced(tuple(places), of.get("strides", 1))
    kernel = math.prod(_sizes(of.get("kernel_size", 1), len(places)))
    return math.prod(behind) * kernel * channels * filters, (*behind, filters)


def _reduced(places: tuple[int, ...], by: object) -> tuple[int, ...]:
    return tuple(max(1, size // step) for size, step in zip(places, _sizes(by, len(places)), strict=True))


def _sizes(value: object, n_axes: int) -> tuple[int, ...]:
    """One number for each axis, of an argument that may be one for all."""
    if isinstance(value, list | tuple) and len(value) == n_axes:
        return tuple(int(size) for size in value)
    return (value if isinstance(value, int) else 1,) * n_axes


def _reshaped(target: tuple[int, ...], size: int) -> tuple[int, ...]:
    known = math.prod(axis for axis in target if axis > 0)
    return tuple(axis if axis > 0 else max(1, size // known) for axis in target)
