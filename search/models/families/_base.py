"""What a model family is, and the output layers that all of them end in."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar

from search.models.architecture import Architecture
from search.records import Task
from search.spec import ModelSection
from search.techniques.parts import Part


class Family(ABC):
    """A way to make a plain model from a few keys of [model].

    Attributes:
        name: Its name in `[model] family`.
        keys: The keys of [model] that it takes.
        defaults: Key to the value that it has when [model] leaves it out.
    """

    name: ClassVar[str]
    keys: ClassVar[frozenset[str]]
    defaults: ClassVar[Mapping[str, object]]

    @abstractmethod
    def describe(self, section: ModelSection, input_shape: tuple[int, ...], n_outputs: int, task: Task) -> Architecture:
        """The plain model; arguments as in `describe_model`."""


def output_layer(n_outputs: int, task: Task) -> tuple[Part, str]:
    """The layer that predicts, and the name of its loss.

    Returns:
        One sigmoid unit for two classes (the probability of class 1), a softmax for more, and linear units
        for a regression.
    """
    units, activation, loss = {
        "binary": (1, "sigmoid", "binary_crossentropy"),
        "multiclass": (n_outputs, "softmax", "sparse_categorical_crossentropy"),
        "regression": (n_outputs, "linear", "mean_squared_error"),
    }[task]
    return Part("layers.Dense", {"units": units, "activation": activation, "name": "output"}), loss
