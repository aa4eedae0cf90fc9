"""From descriptions to Keras objects."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from search.models.architecture import Architecture
from search.models.names import OPTIMIZERS
from search.spec import TrainingSection
from search.techniques.parts import Part

if TYPE_CHECKING:
    import keras


def build_model(architecture: Architecture) -> keras.Model:
    """The Keras model that an architecture describes, built and not compiled."""
    import keras

    layers = [make_part(layer) for layer in architecture.layers]
    return keras.Sequential([keras.Input(architecture.input_shape), *layers], name=architecture.name)


def make_optimizer(training: TrainingSection) -> keras.Optimizer:
    """The optimizer that [training] names, with its learning rate and Keras' defaults for the rest."""
    return make_part(describe_optimizer(training))


def describe_optimizer(training: TrainingSection) -> Part:
    """The optimizer that [training] names, before it is made."""
    path = f"optimizers.{OPTIMIZERS[training.optimizer]}"
    return Part(path, {"learning_rate": training.learning_rate})


def make_part(part: Part) -> Any:
    """The Keras object that a part describes, its own parts made first."""
    import keras

    arguments = {name: make_part(value) if isinstance(value, Part) else value for name, value in part.arguments.items()}
    return functools.reduce(getattr, part.path.split("."), keras)(**arguments)
