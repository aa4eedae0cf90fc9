"""A layer, or a nested model, stands several times or not at all: in the configuration that Keras writes of a model."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, cast

from search.models.archive import Config, is_model, ports, references
from search.models.reach import copy_name


def can_be_repeated(model: Config, entry: Config) -> bool:
    """Whether a layer takes one thing, so that copies can follow it, and what takes from it can take that instead."""
    is_graph = "output_layers" in model
    return not is_graph or all(len(list(references(call))) == 1 for call in entry["inbound_nodes"])


def repeat(model: Config, entry: Config, times: int) -> None:
    """Let a layer, or a nested model, stand several times, one after the other, or not at all.

    Args:
        model: The `config` of the model that it stands in; it is changed.
        entry: The layer as it stands there; one that `can_be_repeated`.
        times: How many times, 0 or more.
    """
    is_graph = "output_layers" in model
    place = next(index for index, each in enumerate(model["layers"]) if each is entry)
    if not times:
        if is_graph:
            _bypass(model, entry)
        del model["layers"][place]
        return
    copies = [_copied(entry, copy) for copy in range(2, times + 1)]
    if is_graph and copies:
        _chain(model, entry, copies)
    model["layers"][place + 1 : place + 1] = copies


def _copied(entry: Config, copy: int) -> Config:
    copied = cast(Config, json.loads(json.dumps(entry)))
    copied["config"]["name"] = copied["name"] = copy_name(entry["config"]["name"], copy)
    return copied


def _chain(model: Config, entry: Config, copies: Sequence[Config]) -> None:
    """Let copies take from one another, the first one from the layer, and all that takes from that from the last."""
    name = entry["config"]["name"]
    for taken in _takers(model):
        if taken[0] == name:
            taken[0] = copies[-1]["config"]["name"]
    for added in copies:
        for use, call in enumerate(added["inbound_nodes"]):
            for taken in references(call):
                taken[:] = [name, use, 0]
        name = added["config"]["name"]


def _takers(model: Config) -> list[list[Any]]:
    """Every place where a Functional model says which layer's output is taken."""
    return [*references([each["inbound_nodes"] for each in model["layers"]]), *ports(model["output_layers"])]


def _bypass(model: Config, entry: Config) -> None:
    """Let all that takes from a layer take what the layer takes."""
    name, uses = entry["config"]["name"], [list(next(references(call))) for call in entry["inbound_nodes"]]
    first = int(is_model(entry) and "output_layers" in entry["config"])
    ends = {id(port) for port in ports(model["output_layers"])}
    for taken in _takers(model):
        if taken[0] == name:
            # Keras counts the uses of a nested Functional model from one where a model ends, though else from zero.
            source = uses[taken[1] - (first if id(taken) in ends else 0)]
            while source[0] == name:
                source = uses[source[1]]
            taken[:] = source


def forget_shapes(node: Any) -> None:
    """Leave out the shapes that layers were built for: they follow from what the layers take."""
    if isinstance(node, dict):
        node.pop("build_config", None)
        for each in node.values():
            forget_shapes(each)
    elif isinstance(node, list):
        for each in node:
            forget_shapes(each)
