"""The recurrent net for sequences."""

from __future__ import annotations

from types import MappingProxyType

from search.data import ONLY_INPUT
from search.errors import Problem, StudyFileError
from search.models.architecture import Architecture
from search.models.families._base import Family, hidden_layers, output_layer, setting
from search.records import Task
from search.spec import ModelSection
from search.techniques.parts import Part


class Lstm(Family):
    """Recurrent layers `lstm_1`, `lstm_2` ..., of which the last one hands on its last state; dense layers; `output`.

    Rows are sequences: (steps, features). An image is a sequence of its lines.
    """

    name = "lstm"
    keys = frozenset({"units", "hidden", "activation"})
    defaults = MappingProxyType({"units": (32,), "activation": "relu"})

    def describe(
        self, section: ModelSection, input_shape: tuple[int, ...], n_outputs: int, task: Task, place: str
    ) -> Architecture:
        """The plain model; arguments as in `describe_model`.

        Raises:
            StudyFileError: Rows are no sequences.
        """
        if len(input_shape) != 2:
            wanted = "sequences, rows of shape (steps, features), for an lstm"
            message = f"expected {wanted}, received rows of shape {input_shape}"
            raise StudyFileError(Problem(place, message, "Give the shape of one row, as in [data] shape = [8, 8]."))
        units = setting(section, self.defaults, "units")
        recurrent = (
            Part("layers.LSTM", {"units": size, "return_sequences": number < len(units), "name": f"lstm_{number}"})
            for number, size in enumerate(units, start=1)
        )
        output, loss = output_layer(n_outputs, task)
        return Architecture(
            self.name, {ONLY_INPUT: input_shape}, (*recurrent, *hidden_layers(section, self.defaults), output), loss
        )
