"""What regularizes the user's model already: dropout, noise, penalties and constraints of its own layers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from search.models.archive import layer_path
from search.techniques.parts import Part

_RATES = {
    "layers.Dropout": ("rate", "dropout"),
    "layers.SpatialDropout1D": ("rate", "spatial dropout"),
    "layers.SpatialDropout2D": ("rate", "spatial dropout"),
    "layers.SpatialDropout3D": ("rate", "spatial dropout"),
    "layers.AlphaDropout": ("rate", "alpha dropout"),
    "layers.GaussianDropout": ("rate", "gaussian dropout"),
    "layers.GaussianNoise": ("stddev", "gaussian noise"),
}
"""Layers that do nothing else, with the argument that says how much, and what it is."""

_ARGUMENTS = {"dropout": "dropout", "recurrent_dropout": "recurrent dropout"}
"""Arguments of recurrent layers that are rates."""

_LISTED = frozenset({"rate", "stddev", *_ARGUMENTS})
"""Arguments whose values are told without the names of their layers."""


@dataclass(frozen=True)
class OwnRegularizer:
    """One thing in a layer that regularizes.

    Args:
        layer: Name of the layer.
        argument: The argument that holds it.
        kind: What it is, in words: `dropout`, `L2`, `max norm`.
        value: How much.
        number: The number in the layer that holds the value, as in `LayerTechnique.replaces`; empty where a layer that
            this one wraps has it.
    """

    layer: str
    argument: str
    kind: str
    value: float
    number: str = ""


def find_own(layers: tuple[Part, ...]) -> tuple[OwnRegularizer, ...]:
    """Everything in some layers that regularizes, in their order."""
    # A Bidirectional layer holds the same layer twice.
    return tuple(found for layer in layers for found in dict.fromkeys(_of_layer(layer)))


def own_in_words(own: tuple[OwnRegularizer, ...]) -> tuple[str, ...]:
    """What regularizes a model, a phrase a kind: `dropout 0.25, 0.5`, `L2 0.001 on conv_1`."""
    rates, others = defaultdict[str, list[str]](list), defaultdict[tuple[str, str], list[str]](list)
    for each in own:
        if each.argument in _LISTED:
            rates[each.kind].append(f"{each.value:g}")
        else:
            others[each.kind, f"{each.value:g}"].append(each.layer)
    phrases = [f"{kind} {', '.join(values)}" for kind, values in rates.items()]
    return (*phrases, *(f"{kind} {value} on {', '.join(names)}" for (kind, value), names in others.items()))


def stripped(layer: Part) -> Part:
    """A layer without what regularizes it."""
    changed = _without(_Node.of(layer))
    return layer if changed is None else layer.with_arguments(**changed)


@dataclass(frozen=True)
class _Node:
    """An object that a model is made of: a part, or what Keras wrote of one that another one holds."""

    path: str
    arguments: Mapping[str, Any]

    @classmethod
    def of(cls, value: Any) -> _Node | None:
        if isinstance(value, Part):
            return cls(value.path, value.arguments)
        if isinstance(value, dict) and {"module", "class_name", "config"} <= value.keys():
            return cls(layer_path(value), value["config"]) if isinstance(value["config"], dict) else None
        return None


def _without(node: _Node | None) -> dict[str, Any] | None:
    """The arguments of an object that change when nothing in it regularizes; None when none does."""
    if node is None:
        return None
    changed: dict[str, Any] = {}
    for argument, _, _ in _amounts(node):
        changed[argument] = 0.0
    for argument, value in node.arguments.items():
        inner = _Node.of(value)
        if inner is not None and any(_strengths(inner)):
            changed[argument] = None
        elif isinstance(value, dict) and (within := _without(inner)):
            changed[argument] = {**value, "config": {**value["config"], **within}}
    return changed or None


def _of_layer(layer: Part) -> Iterator[OwnRegularizer]:
    yield from _in_node(layer.name, _Node(layer.path, layer.arguments))


def _in_node(layer: str, node: _Node, *, wrapped: bool = False) -> Iterator[OwnRegularizer]:
    for argument, kind, value in _amounts(node):
        yield OwnRegularizer(layer, argument, kind, value, "" if wrapped else argument)
    for argument, value in node.arguments.items():
        inner = _Node.of(value)
        if inner is None:
            continue
        where = argument.removesuffix("_regularizer").removesuffix("_constraint")
        what = "" if where == "kernel" else f"{where} "
        for kind, name, strength in _strengths(inner):
            yield OwnRegularizer(layer, argument, what + kind, strength, "" if wrapped else f"{argument}.{name}")
        if inner.path.startswith("layers."):
            yield from _in_node(layer, inner, wrapped=True)


def _amounts(node: _Node) -> Iterator[tuple[str, str, float]]:
    """Arguments of a layer that are numbers, with what they are."""
    if node.path in _RATES:
        known = {_RATES[node.path][0]: _RATES[node.path][1]}
    elif node.path == "layers.ActivityRegularization":
        known = {"l1": "activity L1", "l2": "activity L2"}
    else:
        known = _ARGUMENTS
    for argument, kind in known.items():
        value = node.arguments.get(argument)
        if isinstance(value, int | float) and value:
            yield argument, kind, float(value)


_PENALTIES = {"l1": "L1", "l2": "L2", "factor": "orthogonality"}
_CONSTRAINTS = {"constraints.MaxNorm": ("max_value", "max norm"), "constraints.MinMaxNorm": ("max_value", "max norm")}


def _strengths(node: _Node) -> Iterator[tuple[str, str, float]]:
    """What a regularizer or a constraint does, the argument that says how much, and how much."""
    if node.path.startswith("regularizers."):
        for name, kind in _PENALTIES.items():
            if node.arguments.get(name):
                yield kind, name, float(node.arguments[name])
    elif node.path in _CONSTRAINTS:
        name, kind = _CONSTRAINTS[node.path]
        yield kind, name, float(node.arguments[name])
