"""Keras, set up once as a worker sets it up, and models made of parts without `search.models`."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from search.techniques.parts import Part, Slot
from search.techniques.traced import traced_classes

PROGRAMS = ("graph", "xla")


@pytest.fixture(scope="session")
def keras():
    from search.training.session import start_tensorflow

    start_tensorflow()
    import keras

    return keras


@pytest.fixture(scope="session")
def tf(keras):
    import tensorflow

    return tensorflow


@dataclass(frozen=True)
class Opened:
    """A Keras object made of stand-ins, and its slots as (object, attribute, slot)."""

    made: Any
    slots: list[tuple[Any, str, Slot]]

    @contextmanager
    def filled(self, values: Mapping[str, Any]) -> Iterator[Any]:
        """The object with a value in each slot."""
        before = [getattr(thing, attribute) for thing, attribute, _ in self.slots]
        for thing, attribute, slot in self.slots:
            setattr(thing, attribute, values.get(slot.name, slot.off))
        yield self.made
        for (thing, attribute, _), value in zip(self.slots, before, strict=True):
            setattr(thing, attribute, value)


def make(part: Part, slots: list[tuple[Any, str, Slot]] | None = None, *, traced: bool = False) -> Any:
    """The Keras object of a part: Keras' own class, or the stand-in, which is needed for slots."""
    import keras

    own = functools.reduce(getattr, part.path.split("."), keras)
    arguments = {
        name: make(value, slots, traced=traced)
        if isinstance(value, Part)
        else value.off
        if isinstance(value, Slot)
        else value
        for name, value in part.arguments.items()
    }
    made = (traced_classes().get(part.path, own) if traced else own)(**arguments)
    if slots is not None:
        slots += [(made, name, value) for name, value in part.arguments.items() if isinstance(value, Slot)]
    return made


def chain(input_shape: tuple[int, ...], *layers: Any) -> Any:
    """The layers one after the other, built."""
    import keras

    return keras.Sequential([keras.Input(input_shape), *layers])


def make_open(input_shape: tuple[int, ...], *parts: Part) -> Opened:
    """A model of stand-ins with slots."""
    slots: list[tuple[Any, str, Slot]] = []
    return Opened(chain(input_shape, *[make(part, slots, traced=True) for part in parts]), slots)


def compile_as(program: str, function: Callable[..., Any]) -> Any:
    """A function of tensors as a program of one kind."""
    import tensorflow as tf

    return tf.function(function, autograph=False, jit_compile=program == "xla")


def same_bits(one: Any, other: Any) -> bool:
    """Whether two lists of tensors are equal bit by bit, except that zero has no sign."""
    import numpy as np

    arrays = [[np.asarray(value, np.float32) + 0.0 for value in values] for values in (one, other)]
    return [array.tobytes() for array in arrays[0]] == [array.tobytes() for array in arrays[1]]
