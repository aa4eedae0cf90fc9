"""Weights of the user's file from which training goes on."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from search.models.architecture import Architecture
from search.models.rebuilding import saved_weights
from search.models.walking import layers_by_path

if TYPE_CHECKING:
    import keras


def pretrained_layers(plain: Architecture, thawing: Collection[str] = ()) -> frozenset[str]:
    """The hidden layers whose weights training takes from the file, by their paths.

    Args:
        plain: The model.
        thawing: Those that train in a second phase alone, and had the file's weights in the first.
    """
    if plain.saved is None:
        return frozenset()
    names = [layer.name for layer in plain.layers] if plain.saved.keeps_weights else thawing
    return frozenset(names) - plain.outputs


def pretrained_kernels(
    model: keras.Model, plain: Architecture, names: Collection[str]
) -> Mapping[int, npt.NDArray[np.float32]]:
    """What the trainable kernels of some layers are in the user's file, by the identity of their variables.

    Args:
        model: The Keras model, with techniques in it or not.
        plain: What it was made of.
        names: The layers.
    """
    if plain.saved is None or not names:
        return {}
    of_file = saved_weights(plain.saved)
    found = dict[int, npt.NDArray[Any]]()
    for path, layer in layers_by_path(model).items():
        if path in names:
            for variable, value in zip(layer.weights, of_file[path], strict=True):
                if variable.trainable and ("kernel" in variable.name or variable.name == "embeddings"):
                    found[id(variable)] = np.asarray(value, np.float32)
    return found
