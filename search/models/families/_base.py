"""What a model family is, and the output layers that all of them end in."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

from search.models.architecture import Architecture
from search.models.ends import find_end
from search.models.losses import Loss
from search.records import Task
from search.spec import ModelSection
from search.techniques.parts import Part


class Family(ABC):
    """A way to make a plain model from a few keys of [model].

    Attributes:
        name: Its name in `[model] family`.
        keys: The keys of [model] that it takes.
        defaults: Key to the value that it has when [model] leaves it out.
        required: Keys that [model] may not leave out.
    """

    name: ClassVar[str]
    keys: ClassVar[frozenset[str]]
    defaults: ClassVar[Mapping[str, object]]
    required: ClassVar[frozenset[str]] = frozenset()

    @abstractmethod
    def describe(
        self, section: ModelSection, input_shape: tuple[int, ...], n_outputs: int, task: Task, place: str
    ) -> Architecture:
        """The plain model; arguments and errors as in `describe_model`."""


def output_layer(n_outputs: int, task: Task) -> tuple[Part, Loss]:
    """The layer that predicts, and the loss that fits the task; `describe_model` changes both for another loss.

    Returns:
        One sigmoid unit for two classes (the probability of class 1), a softmax for more, and linear units
        for a regression.
    """
    end = find_end(task, n_outputs, None)
    activation = end.activations[0]
    return Part("layers.Dense", {"units": end.units, "activation": activation, "name": "output"}), end.loss


def flattening(input_shape: tuple[int, ...]) -> tuple[Part, ...]:
    """The layer that makes vectors of rows; none for rows that are vectors."""
    return () if len(input_shape) == 1 else (Part("layers.Flatten", {"name": "flatten"}),)


def hidden_layers(section: ModelSection, defaults: Mapping[str, Any]) -> tuple[Part, ...]:
    """The dense layers of `hidden`: `dense_1`, `dense_2` ..."""
    activation = setting(section, defaults, "activation")
    return tuple(
        Part("layers.Dense", {"units": units, "activation": activation, "name": f"dense_{number}"})
        for number, units in enumerate(setting(section, defaults, "hidden") or (), start=1)
    )


def setting(section: ModelSection, defaults: Mapping[str, Any], key: str) -> Any:
    """What [model] says, or else the family's default; None where there is neither."""
    given = getattr(section, key)
    return defaults.get(key) if given is None else given
