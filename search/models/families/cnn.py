"""The convolutional net for images."""

from __future__ import annotations

from collections.abc import Iterator
from types import MappingProxyType

from search.data import ONLY_INPUT
from search.errors import Problem, StudyFileError
from search.models.architecture import Architecture
from search.models.families._base import Family, hidden_layers, output_layer, setting
from search.records import Task
from search.spec import ModelSection
from search.techniques.parts import Part


class Cnn(Family):
    """Convolutions `conv_1`, `conv_2` ..., each followed by a pooling that halves the image; dense layers; `output`.

    Rows are images: (height, width), or (height, width, channels).
    """

    name = "cnn"
    keys = frozenset({"filters", "kernel_size", "hidden", "activation"})
    defaults = MappingProxyType({"filters": (16, 32), "kernel_size": 3, "hidden": (64,), "activation": "relu"})

    def describe(
        self, section: ModelSection, input_shape: tuple[int, ...], n_outputs: int, task: Task, place: str
    ) -> Architecture:
        """The plain model; arguments as in `describe_model`.

        Raises:
            StudyFileError: Rows are no images, or these are too small to be halved so often.
        """
        filters = setting(section, self.defaults, "filters")
        problem = _unfit(input_shape, len(filters))
        if problem is not None:
            raise StudyFileError(Problem(place, *problem))
        channels = () if len(input_shape) == 3 else (_with_channels(input_shape),)
        output, loss = output_layer(n_outputs, task)
        layers = (
            *channels,
            *self._convolutions(section, filters),
            Part("layers.Flatten", {"name": "flatten"}),
            *hidden_layers(section, self.defaults),
            output,
        )
        return Architecture(self.name, {ONLY_INPUT: input_shape}, layers, loss)

    def _convolutions(self, section: ModelSection, filters: tuple[int, ...]) -> Iterator[Part]:
        for number, count in enumerate(filters, start=1):
            arguments = {
                "filters": count,
                "kernel_size": setting(section, self.defaults, "kernel_size"),
                "padding": "same",
                "activation": setting(section, self.defaults, "activation"),
            }
            yield Part("layers.Conv2D", {**arguments, "name": f"conv_{number}"})
            yield Part("layers.MaxPooling2D", {"pool_size": 2, "name": f"pool_{number}"})


def _unfit(input_shape: tuple[int, ...], n_poolings: int) -> tuple[str, str] | None:
    """Message and remedy when rows are no images that such a net takes."""
    if len(input_shape) not in (2, 3):
        wanted = "images, rows of shape (height, width) or (height, width, channels)"
        remedy = "Give the shape of one row, as in [data] shape = [8, 8]."
    elif min(input_shape[:2]) < 2**n_poolings:
        wanted = f"images with edges of at least {2**n_poolings} pixels, which {n_poolings} entries of filters halve"
        remedy = "Give fewer filters."
    else:
        return None
    return f"expected {wanted}, for a cnn, received rows of shape {input_shape}", remedy


def _with_channels(input_shape: tuple[int, ...]) -> Part:
    return Part("layers.Reshape", {"target_shape": (*input_shape, 1), "name": "channels"})
