"""The user's model as a Keras object, techniques included."""

from __future__ import annotations

import functools
import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy.typing as npt

from search.data import SourceModule
from search.data.keras_names import names_counted_anew
from search.models.architecture import Architecture
from search.models.archive import read_config
from search.models.custom_code import custom_objects
from search.models.fronts import Front
from search.models.making import make_part
from search.models.reach import SET_ON_LAYERS, without_copies
from search.models.rewriting import PACKAGE, class_paths, rewritten
from search.models.saved import SavedModel
from search.models.walking import inner_of, layers_by_path
from search.techniques.private import call_in_fixed_order, flattened_layers
from search.techniques.traced import general_paths

if TYPE_CHECKING:
    import keras


def rebuild_saved(
    architecture: Architecture, saved: SavedModel, stand_ins: Mapping[str, type], *, heads: bool = False
) -> keras.Model:
    """The Keras model, built and not compiled: names, shapes and frozen layers as in the file.

    Weights are drawn anew by the layers' own initializers, except where the file's are kept; see `SavedModel`.

    Args:
        architecture: What is to be made of the model.
        saved: The model.
        stand_ins: Classes to be used in the place of Keras' own, by the path of each; of the user's own layers those
            whose techniques say that they are general.
        heads: Whether the outputs that train beside the study's come out too, behind it.
    """
    import keras

    if saved.is_subclassed:
        return _subclassed_model(architecture, saved, stand_ins)
    # Not as custom objects of this one call: a Bidirectional writes its layer down and makes two of what it wrote.
    for path, stand_in in stand_ins.items():
        keras.saving.register_keras_serializable(PACKAGE, path)(stand_in)
    general = general_paths() & stand_ins.keys()
    config = rewritten(read_config(saved.archive), architecture, stand_ins, general, heads=heads)
    with custom_objects(saved.custom):
        model: keras.Model = keras.saving.deserialize_keras_object(config, safe_mode=True)
    if stand_ins:
        call_in_fixed_order(model)
    layers = layers_by_path(model)
    plain = [(part.name, layers[part.name]) for part in saved.layers if part.name in layers]
    kept = [(path, layer) for path, layer in plain if saved.keeps_weights or not layer.trainable_weights]
    if any(layer.weights for _, layer in kept):
        weights = saved_weights(saved)
        for path, layer in kept:
            _set_weights(layer, weights[path])
    return model


def _subclassed_model(architecture: Architecture, saved: SavedModel, stand_ins: Mapping[str, type]) -> keras.Model:
    """A model that calls its layers in code of its own: they get their regularizers and constraints before it is built.

    The model that is returned is one around it, of the input, of what techniques put before it and of the model itself,
    whose layers keep their paths.
    """
    import keras

    config = read_config(saved.archive)
    for key in ("build_config", "compile_config"):
        config.pop(key, None)
    with custom_objects(saved.custom), names_counted_anew():
        model: keras.Model = keras.saving.deserialize_keras_object(config, safe_mode=True)
    for layer in flattened_layers(model):
        stand_in = stand_ins.get(f"layers.{type(layer).__name__}") if _is_kerass(layer) else None
        if stand_in is not None and f"layers.{type(layer).__name__}" in general_paths():
            object.__setattr__(layer, "__class__", stand_in)  # it differs in how it is called, not in what it holds
    layers, given = layers_by_path(model), {part.name: part for part in saved.layers}
    for part in architecture.layers:
        for argument, value in part.arguments.items():
            if argument.endswith(SET_ON_LAYERS) and value != given[part.name].arguments.get(argument):
                setattr(layers[part.name], argument, make_part(value, stand_ins))
    model(keras.ops.zeros((1, *architecture.input_shape)))
    if saved.keeps_weights:
        weights = saved_weights(saved)
        for path, layer in layers_by_path(model).items():
            _set_weights(layer, weights[path])
    rows = passed = keras.Input(architecture.input_shape)
    for part in architecture.entering:
        passed = make_part(part, stand_ins)(passed)
    return keras.Model(rows, inner_of(model)(passed), name=architecture.name)


def _is_kerass(layer: keras.Layer) -> bool:
    return type(layer).__module__.partition(".")[0] == "keras"


def build_front(front: Front) -> keras.Model:
    """The frozen front of a model, as a Keras model with the weights of its file."""
    import keras

    config = json.loads(json.dumps(front.config))  # Keras takes it apart
    with custom_objects(front.saved.custom):
        model: keras.Model = keras.saving.deserialize_keras_object(config, safe_mode=True)
    weights = saved_weights(front.saved)
    for path, layer in layers_by_path(model).items():
        if layer.weights:
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


class SavedWeights:
    """The weights in the user's file, in the order in which a layer has them.

    Args:
        by_path: By the path of their layer in the model as it was given; copies have those of what they are copies of.
    """

    def __init__(self, by_path: Mapping[str, list[npt.NDArray[Any]]]) -> None:
        self._by_path = by_path

    def __getitem__(self, path: str) -> list[npt.NDArray[Any]]:
        return self._by_path[path] if path in self._by_path else self._by_path[without_copies(path)]


def saved_weights(saved: SavedModel) -> SavedWeights:
    """The weights in the file of the user's model."""
    return SavedWeights(_loaded_weights(saved.origin or saved.archive, saved.custom))


@functools.lru_cache(maxsize=2)
def _loaded_weights(archive: bytes, custom: SourceModule | None) -> Mapping[str, list[npt.NDArray[Any]]]:
    """The weights in a file, by the path of their layer."""
    return {path: layer.get_weights() for path, layer in layers_by_path(load_archive(archive, custom)).items()}


def load_archive(archive: bytes, custom: SourceModule | None) -> keras.Model:
    """The model of a file as Keras loads it, not compiled."""
    import keras

    with tempfile.TemporaryDirectory(prefix="regsearch-") as folder:
        file = Path(folder) / "model.keras"
        file.write_bytes(archive)
        with custom_objects(custom), names_counted_anew():
            model: keras.Model = keras.saving.load_model(file, compile=False, safe_mode=True)
    return model


def _set_weights(layer: keras.Layer, weights: list[npt.NDArray[Any]]) -> None:
    layer.set_weights(weights)
    if hasattr(layer, "finalize_state"):  # Normalization computes with what it derives from its weights
        layer.finalize_state()
