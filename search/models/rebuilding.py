"""The user's model as a Keras object, techniques included."""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy.typing as npt

from search.models.architecture import Architecture
from search.models.archive import read_config
from search.models.rewriting import PACKAGE, class_paths, rewritten
from search.models.saved import SavedModel
from search.models.walking import layers_by_path
from search.techniques.private import call_in_fixed_order
from search.techniques.traced import general_paths

if TYPE_CHECKING:
    import keras


def rebuild_saved(architecture: Architecture, saved: SavedModel, stand_ins: Mapping[str, type]) -> keras.Model:
    """The Keras model, built and not compiled: names, shapes and frozen layers as in the file.

    Weights are drawn anew by the layers' own initializers, except where the file's are kept; see `SavedModel`.

    Args:
        architecture: What is to be made of the model.
        saved: The model.
        stand_ins: Classes to be used in the place of Keras' own, by the path of each; of the user's own layers those
            whose techniques say that they are general.
    """
    import keras

    # Not as custom objects of this one call: a Bidirectional writes its layer down and makes two of what it wrote.
    for path, stand_in in stand_ins.items():
        keras.saving.register_keras_serializable(PACKAGE, path)(stand_in)
    config = rewritten(read_config(saved.archive), architecture, stand_ins, general_paths() & stand_ins.keys())
    model: keras.Model = keras.saving.deserialize_keras_object(config, safe_mode=True)
    if stand_ins:
        call_in_fixed_order(model)
    layers = layers_by_path(model)
    plain = [(part.name, layers[part.name]) for part in saved.layers if part.name in layers]
    kept = [(path, layer) for path, layer in plain if saved.keeps_weights or not layer.trainable_weights]
    if any(layer.weights for _, layer in kept):
        weights = _saved_weights(saved)
        for path, layer in kept:
            _set_weights(layer, weights[path])
    return model


def compiled_metrics(architecture: Architecture) -> list[Any] | None:
    """The metrics that the user's model was compiled with, made anew; None where there are none."""
    import keras

    told = () if architecture.saved is None else architecture.saved.compiled.metrics
    made = [each if isinstance(each, str) else keras.saving.deserialize_keras_object(each) for each in told]
    return made or None


def replaced_classes(architecture: Architecture) -> frozenset[str]:
    """Paths of the Keras classes in the user's own layers that have a stand-in; none in the model of a family."""
    if architecture.saved is None:
        return frozenset()
    return general_paths() & {path for part in architecture.layers for path in class_paths(part)}


@functools.lru_cache(maxsize=2)
def _saved_weights(saved: SavedModel) -> Mapping[str, list[npt.NDArray[Any]]]:
    """The weights in a file, by the path of their layer."""
    import keras

    with tempfile.TemporaryDirectory(prefix="regsearch-") as folder:
        file = Path(folder) / "model.keras"
        file.write_bytes(saved.archive)
        model = keras.saving.load_model(file, compile=False, safe_mode=True)
    return {path: layer.get_weights() for path, layer in layers_by_path(model).items()}


def _set_weights(layer: keras.Layer, weights: list[npt.NDArray[Any]]) -> None:
    layer.set_weights(weights)
    if hasattr(layer, "finalize_state"):  # Normalization computes with what it derives from its weights
        layer.finalize_state()
