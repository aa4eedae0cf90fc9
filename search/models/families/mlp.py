"""The multi-layer perceptron: dense layers one after the other."""

from __future__ import annotations

from search.models.architecture import Architecture
from search.models.families._base import Family, output_layer
from search.records import Task
from search.spec import ModelSection
from search.techniques.parts import Part

DEFAULT_HIDDEN = (64,)
DEFAULT_ACTIVATION = "relu"


class Mlp(Family):
    """Hidden layers `dense_1`, `dense_2` ... and `output`; rows that are no vectors are flattened first.

    `hidden = []` is a linear model: logistic, softmax or linear regression. Left out, it is one layer of 64.
    """

    name = "mlp"
    keys = frozenset({"hidden", "activation"})

    def describe(self, section: ModelSection, input_shape: tuple[int, ...], n_outputs: int, task: Task) -> Architecture:
        """The plain model; arguments as in `describe_model`."""
        widths = DEFAULT_HIDDEN if section.hidden is None else section.hidden
        activation = section.activation or DEFAULT_ACTIVATION
        flatten = () if len(input_shape) == 1 else (Part("layers.Flatten", {"name": "flatten"}),)
        hidden = tuple(
            Part("layers.Dense", {"units": units, "activation": activation, "name": f"dense_{number}"})
            for number, units in enumerate(widths, start=1)
        )
        output, loss = output_layer(n_outputs, task)
        return Architecture(self.name, input_shape, (*flatten, *hidden, output), loss)
