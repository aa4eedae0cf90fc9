"""From descriptions to Keras objects."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from search.models.architecture import Architecture
from search.models.injection import as_value
from search.models.making import NOTHING, make_part
from search.models.optimizers import OPTIMIZERS, SCHEDULES
from search.models.rebuilding import rebuild_saved
from search.models.walking import layers_by_path
from search.records import Setting
from search.spec import TrainingSection
from search.techniques import TECHNIQUES, OptimizerTechnique
from search.techniques.parts import Part, Slot
from search.techniques.traced import traced_classes

if TYPE_CHECKING:
    import keras
    import tensorflow as tf


def build_model(architecture: Architecture, *, traced: bool = False, heads: bool = False) -> keras.Model:
    """The Keras model that an architecture describes, built and not compiled.

    Args:
        architecture: The model; an argument that is a slot takes its value for "off".
        traced: Whether techniques' stand-ins take the place of Keras' own classes, as engines want it. Without, nothing
            in the model is regsearch's: it is saved, loaded and used by Keras alone.
        heads: Whether a model with an auxiliary head, or with outputs that train beside the study's, returns a list:
            the study's output, and those. Otherwise it returns the study's alone.
    """
    stand_ins = traced_classes() if traced else {}
    if architecture.saved is not None:
        return rebuild_saved(architecture, architecture.saved, stand_ins, heads=heads)
    layers = [make_part(part, stand_ins) for part in architecture.chain]
    if heads and architecture.auxiliary is not None:
        return _headed(architecture, layers, make_part(architecture.auxiliary.layer, stand_ins))
    return _chain(architecture, layers)


@dataclass(frozen=True)
class OpenModel:
    """A Keras model and its optimizer, whose slots are filled for the length of a `with` block.

    Args:
        model: The model; outside of the block every slot holds its value for "off".
        optimizer: Its optimizer, not built yet.
        learning_rate: Its learning rate, or that at which its schedule begins; `assign` changes it.
        slots: Each open argument: the object, its attribute and the slot.
    """

    model: keras.Model
    optimizer: keras.Optimizer
    learning_rate: Any
    slots: tuple[tuple[Any, str, Slot], ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the slots, each once and in order."""
        return tuple(sorted({slot.name for _, _, slot in self.slots}))

    @contextlib.contextmanager
    def filled(self, values: Mapping[str, Any]) -> Iterator[keras.Model]:
        """The model with a value in each slot.

        Args:
            values: Name to a number or a scalar tensor. A slot whose name is absent, or whose value is NaN, is off: it
                takes its own value for that, which for a layer of the user's with a penalty of its own is that penalty.
        """
        before = [getattr(thing, attribute) for thing, attribute, _ in self.slots]
        try:
            for thing, attribute, slot in self.slots:
                setattr(thing, attribute, value_or_off(values.get(slot.name, math.nan), slot.off))
            yield self.model
        finally:
            for (thing, attribute, _), value in zip(self.slots, before, strict=True):
                setattr(thing, attribute, value)


def build_open_model(architecture: Architecture, training: TrainingSection, names: Collection[str]) -> OpenModel:
    """The Keras model of an architecture with slots and its optimizer, built once for all values.

    Args:
        architecture: What `open_slots` returned. A model with an auxiliary head returns both outputs.
        training: Optimizer and learning rate.
        names: Every name in [space].
    """
    model = build_model(architecture, traced=True, heads=True)
    layers = layers_by_path(model)
    open_settings = {x.name: Slot(x.name, x.off) for x in _optimizer_techniques() if x.name in names}
    described, rate = describe_optimizer(training, open_settings, names), None
    if training.schedule is not None:
        described, rate = _with_open_rate(described, training.learning_rate)
    # By itself it would be numbered, and a program with another name in it is another program.
    named = described.with_arguments(name="optimizer")
    optimizer = _finished(make_part(named), open_settings, names, model)
    slots = _slots(optimizer, described)
    for path, part in _parts_by_path(architecture).items():
        slots += _slots(layers.get(path), part)
    return OpenModel(model, optimizer, optimizer.learning_rate if rate is None else rate, tuple(slots))


def _with_open_rate(optimizer: Part, learning_rate: float) -> tuple[Part, keras.Variable]:
    """An optimizer whose schedule begins at a variable, and that."""
    import keras

    schedule = make_part(optimizer.arguments["learning_rate"])
    rate = keras.Variable(learning_rate, dtype="float32", trainable=False, name="initial_learning_rate")
    if hasattr(schedule, "initial_learning_rate"):
        schedule.initial_learning_rate = rate
    return optimizer.with_arguments(learning_rate=schedule), rate


def make_optimizer(
    training: TrainingSection,
    configuration: Mapping[str, Setting | Slot] = NOTHING,
    names: Collection[str] = (),
    model: keras.Model | None = None,
) -> keras.Optimizer:
    """The optimizer that [training] names, not built yet, with Keras' defaults where nothing else is said.

    Args:
        training: Optimizer and learning rate.
        configuration: Names to values, or to slots for them; a technique that is off is absent.
        names: Every name in [space].
        model: The model that it is to train, for what a technique has to tell of it: which weights decay.
    """
    return _finished(make_part(describe_optimizer(training, configuration, names)), configuration, names, model)


def _finished(
    optimizer: keras.Optimizer,
    configuration: Mapping[str, Setting | Slot],
    names: Collection[str],
    model: keras.Model | None,
) -> keras.Optimizer:
    for technique in _optimizer_techniques():
        if model is not None and technique.name in {*names, *configuration}:
            technique.finish(optimizer, model)
    return optimizer


def describe_optimizer(
    training: TrainingSection, configuration: Mapping[str, Setting | Slot] = NOTHING, names: Collection[str] = ()
) -> Part:
    """The optimizer that [training] names, before it is made; arguments as in `make_optimizer`."""
    known = OPTIMIZERS[training.optimizer_name]
    part = Part(known.path, {"learning_rate": _describe_rate(training), **training.optimizer_arguments})
    for technique in _optimizer_techniques():
        if technique.name in configuration:
            part = technique.apply(part, as_value(configuration[technique.name]))
        elif technique.name in names:
            part = technique.leave_out(part)
    return part


def _describe_rate(training: TrainingSection) -> float | Part:
    """The learning rate, or the schedule that begins there."""
    schedule = training.schedule
    if schedule is None:
        return training.learning_rate
    path, arguments = SCHEDULES[schedule.name].path, schedule.arguments
    if "values" in arguments:
        return Part(path, {name: list(values) for name, values in arguments.items()})
    return Part(path, {"initial_learning_rate": training.learning_rate, **arguments})


def _chain(architecture: Architecture, layers: list[Any]) -> keras.Model:
    import keras

    return keras.Sequential([keras.Input(architecture.input_shape), *layers], name=architecture.name)


def _headed(architecture: Architecture, layers: list[Any], head: keras.Layer) -> keras.Model:
    """A model with a second output, from what the output layer takes."""
    import keras

    rows = passed = keras.Input(architecture.input_shape)
    trunk = passed
    for layer in layers:
        if layer.name == architecture.output.name:
            trunk = passed
        passed = layer(passed)
    return keras.Model(rows, [passed, head(trunk)], name=architecture.name)


def value_or_off(value: Any, off: float) -> Any:
    """A number or a scalar tensor, or what stands for it where it is not a number, which means off."""
    import tensorflow as tf

    if tf.is_tensor(value):
        return tf.where(is_off(value), tf.cast(off, value.dtype), value)
    return off if math.isnan(value) else value


def is_off(value: tf.Tensor) -> tf.Tensor:
    """Whether a tensor is not a number, which means off.

    As `tf.math.is_nan`, which takes 4.4 ms to become a part of a compiled program, and this 0.2 ms: TensorFlow 2.21
    sends each such operation through a compiler of its own. A program has one for each setting, several times.
    """
    return value != value  # true of what is not a number alone


def _optimizer_techniques() -> list[OptimizerTechnique]:
    return [technique for technique in TECHNIQUES.values() if isinstance(technique, OptimizerTechnique)]


def _parts_by_path(architecture: Architecture) -> dict[str, Part]:
    """All layers of a model by their paths; those that follow a layer are in its model."""
    parts = {part.name: part for part in (*architecture.entering, *architecture.layers)}
    for name, following in architecture.following.items():
        scope = name.rpartition("/")[0]
        parts |= {f"{scope}/{part.name}" if scope else part.name: part for part in following}
    return parts


def _slots(made: Any, part: Part) -> list[tuple[Any, str, Slot]]:
    """The open arguments of an object and of those that it was made with."""
    found = [(made, name, value) for name, value in part.arguments.items() if isinstance(value, Slot)]
    for name, value in part.arguments.items():
        if isinstance(value, Part):
            found += _slots(getattr(made, name), value)
    return found
