"""Layers and weights of a Keras model by path."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import keras


def layers_by_path(model: keras.Model) -> dict[str, keras.Layer]:
    """The layers of a model, those of nested models too, named as in `Architecture.layers`; without inputs."""
    return dict(_walk(model, ""))


_INNER = "regsearch_inner"


def inner_of(model: keras.Model) -> keras.Model:
    """The model, to be put into one around it that is not to show in the paths of its layers."""
    setattr(model, _INNER, True)
    return model


def weights_by_path(model: keras.Model) -> dict[str, keras.Variable]:
    """Every weight of a model, trainable or not, by a path that does not depend on what was built before.

    `dense_1/kernel`, `encoder/dense_1/kernel` inside a nested model, `lstm_1/lstm_cell/kernel`.
    """
    found: dict[str, keras.Variable] = {}
    for path, layer in layers_by_path(model).items():
        for weight in layer.weights:
            found[_free(f"{path}/{_below(layer, weight)}", found)] = weight
    return found


def _below(layer: keras.Layer, weight: keras.Variable) -> str:
    """A weight's path below its layer: Keras names the layers around it or not, as it happened to be built."""
    names: list[str] = weight.path.split("/")
    around = names[:-1]
    return "/".join(names[len(around) - around[::-1].index(layer.name) :] if layer.name in around else names)


def _free(path: str, taken: Collection[str]) -> str:
    return _free(f"{path}_", taken) if path in taken else path


def _walk(model: keras.Model, scope: str) -> Iterator[tuple[str, keras.Layer]]:
    import keras

    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from _walk(layer, scope if getattr(layer, _INNER, False) else f"{scope}{layer.name}/")
        elif not isinstance(layer, keras.layers.InputLayer):
            yield scope + layer.name, layer
