"""The multi-layer perceptron: dense layers one after the other."""

from __future__ import annotations

from types import MappingProxyType

from search.models.architecture import Architecture
from search.models.families._base import Family, output_layer
from search.records import Task
from search.spec import ModelSection
from search.techniques.parts import Part


class Mlp(Family):
    """Hidden layers `dense_1`, `dense_2` ... and `output`; rows that are no vectors are flattened first.

    `hidden = []` is a linear model: logistic, softmax or linear regression.
    """

    name = "mlp"
    keys = frozenset({"hidden", "activation"})
    defaults = MappingProxyType({"activation": "relu"})

    def describe(self, section: ModelSection, input_shape: tuple[int, ...], n_outputs: int, task: Task) -> Architecture:
        """The plain model; arguments as in `describe_model`."""
        activation = section.activation or self.defaults["activation"]
        flatten = () if len(input_shape) == 1 else (Part("layers.Flatten", {"name": "flatten"}),)
        hidden = tuple(
            Part("layers.Dense", {"units": units, "activation": activation, "name": f"dense_{number}"})
            for number, units in enumerate(section.hidden or (), start=1)
        )
        output, loss = output_layer(n_outputs, task)
        return Architecture(self.name, input_shape, (*flatten, *hidden, output), loss)
