"""From descriptions to Keras objects."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from search.models.architecture import Architecture
from search.models.names import OPTIMIZERS
from search.spec import TrainingSection
from search.techniques.parts import Part, Slot
from search.techniques.traced import traced_classes

if TYPE_CHECKING:
    import keras


def build_model(architecture: Architecture) -> keras.Model:
    """The Keras model that an architecture describes, built and not compiled."""
    return _chain(architecture, [make_part(layer) for layer in architecture.layers])


@dataclass(frozen=True)
class OpenModel:
    """A Keras model whose slots are filled for the length of a `with` block.

    Args:
        model: The model; outside of the block every slot holds its value for "off".
        slots: Each open argument: the object, its attribute and the slot.
    """

    model: keras.Model
    slots: tuple[tuple[Any, str, Slot], ...]

    @property
    def defaults(self) -> tuple[tuple[str, float], ...]:
        """Name of each slot, once and in order, and its value for "off"."""
        return tuple(sorted({(slot.name, slot.off) for _, _, slot in self.slots}))

    @contextlib.contextmanager
    def filled(self, values: Mapping[str, Any]) -> Iterator[keras.Model]:
        """The model with a value, a number or a scalar tensor, in each slot; slots without one are off."""
        before = [getattr(thing, attribute) for thing, attribute, _ in self.slots]
        try:
            for thing, attribute, slot in self.slots:
                setattr(thing, attribute, values.get(slot.name, slot.off))
            yield self.model
        finally:
            for (thing, attribute, _), value in zip(self.slots, before, strict=True):
                setattr(thing, attribute, value)


def build_open_model(architecture: Architecture) -> OpenModel:
    """The Keras model of an architecture with slots, built once for all their values."""
    slots: list[tuple[Any, str, Slot]] = []
    layers = [make_part(layer, slots) for layer in architecture.layers]
    return OpenModel(_chain(architecture, layers), tuple(slots))


def make_optimizer(training: TrainingSection) -> keras.Optimizer:
    """The optimizer that [training] names, with its learning rate and Keras' defaults for the rest."""
    return make_part(describe_optimizer(training))


def describe_optimizer(training: TrainingSection) -> Part:
    """The optimizer that [training] names, before it is made."""
    path = f"optimizers.{OPTIMIZERS[training.optimizer]}"
    return Part(path, {"learning_rate": training.learning_rate})


def make_part(part: Part, slots: list[tuple[Any, str, Slot]] | None = None) -> Any:
    """The Keras object that a part describes, its own parts made first.

    Args:
        part: What to make.
        slots: The open arguments that were met are added here; None for a part without any.
    """
    import keras

    arguments = {
        name: make_part(value, slots) if isinstance(value, Part) else value.off if isinstance(value, Slot) else value
        for name, value in part.arguments.items()
    }
    found = [(name, value) for name, value in part.arguments.items() if isinstance(value, Slot)]
    if slots is None:
        if found:
            raise ValueError(f"expected a value for each slot, received {part}")
        return _keras_class(part.path, keras)(**arguments)
    made = traced_classes().get(part.path, _keras_class(part.path, keras))(**arguments)
    slots += [(made, name, slot) for name, slot in found]
    return made


def _keras_class(path: str, keras: Any) -> Any:
    return functools.reduce(getattr, path.split("."), keras)


def _chain(architecture: Architecture, layers: list[Any]) -> keras.Model:
    import keras

    return keras.Sequential([keras.Input(architecture.input_shape), *layers], name=architecture.name)
