"""The multi-layer perceptron: dense layers one after the other."""

from __future__ import annotations

from types import MappingProxyType

from search.data import ONLY_INPUT
from search.models.architecture import Architecture
from search.models.families._base import Family, flattening, hidden_layers, output_layer
from search.records import Task
from search.spec import ModelSection


class Mlp(Family):
    """Hidden layers `dense_1`, `dense_2` ... and `output`; rows that are no vectors are flattened first.

    `hidden = []` is a linear model: logistic, softmax or linear regression.
    """

    name = "mlp"
    keys = frozenset({"hidden", "activation"})
    defaults = MappingProxyType({"activation": "relu"})
    required = frozenset({"hidden"})

    def describe(
        self, section: ModelSection, input_shape: tuple[int, ...], n_outputs: int, task: Task, place: str
    ) -> Architecture:
        """The plain model; arguments as in `describe_model`."""
        output, loss = output_layer(n_outputs, task)
        layers = (*flattening(input_shape), *hidden_layers(section, self.defaults), output)
        return Architecture(self.name, {ONLY_INPUT: input_shape}, layers, loss)
