"""Two tasks on one trunk: what is to be predicted, and the row itself."""

from __future__ import annotations

import math
from types import MappingProxyType

from search.data import ONLY_INPUT
from search.models.architecture import Architecture, Head
from search.models.families._base import Family, flattening, hidden_layers, output_layer
from search.records import Task
from search.spec import ModelSection
from search.techniques.parts import Part


class Multitask(Family):
    """The layers of `mlp`, and a head `auxiliary` that reconstructs the row's inputs from the last hidden layer.

    How much the second task weighs is the technique `auxiliary_weight`; without it the head does not train. What is
    scored and exported is the first task's output alone.

    Source: Caruana 1997, Multitask learning; with reconstruction as the second task: Le et al. 2018, Supervised
        autoencoders.
    """

    name = "multitask"
    keys = frozenset({"hidden", "activation"})
    defaults = MappingProxyType({"hidden": (64,), "activation": "relu"})

    def describe(
        self, section: ModelSection, input_shape: tuple[int, ...], n_outputs: int, task: Task, place: str
    ) -> Architecture:
        """The plain model; arguments as in `describe_model`."""
        output, loss = output_layer(n_outputs, task)
        layers = (*flattening(input_shape), *hidden_layers(section, self.defaults), output)
        reconstruction = {"units": math.prod(input_shape), "activation": "linear", "name": "auxiliary"}
        head = Head(Part("layers.Dense", reconstruction), "mean_squared_error")
        return Architecture(self.name, {ONLY_INPUT: input_shape}, layers, loss, auxiliary=head)
