"""A model described before Keras makes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from search.data import InputShapes
from search.models.losses import Loss
from search.models.saved import SavedModel
from search.techniques.parts import Part


@dataclass(frozen=True)
class Head:
    """A second output on a model's trunk.

    Args:
        layer: The layer that predicts; it takes what the output layer takes.
        loss: Name of its loss in `keras.losses`.
    """

    layer: Part
    loss: str


@dataclass(frozen=True)
class Beside:
    """An output of the user's model that trains beside the one that a study is about.

    Args:
        name: The output's.
        place: Its place among the model's outputs.
        loss: Its loss, weighed as the model was compiled.
        n_classes: Number of classes; 0 for numbers.
    """

    name: str
    place: int
    loss: Loss
    n_classes: int


@dataclass(frozen=True)
class Architecture:
    """A model from its inputs to one output, and the loss that it is trained with.

    Args:
        name: Name of the Keras model.
        inputs: Name of each input, as in `Samples.x`, to the shape of one row, without the batch. What is built and
            rebuilt so far has one.
        layers: Every layer that has a name, without the input, in the order in which rows pass them. For a model of
            a family this is the chain that makes it; for the user's model the layers of `saved`, whose arguments
            are their Keras configuration, and a layer inside a nested model is named `MODEL/LAYER`.
        loss: The data loss; given as a name of `LOSSES` it is that loss without arguments.
        entering: Layers that techniques put between the input and the first layer.
        following: Layers that techniques put behind a layer, by that layer's name.
        auxiliary: The head of a second task; None for models with one.
        place: Of several outputs of `saved` the place of the one that is meant.
        beside: The other ones that train.
        saved: The user's model, of which `layers` tell what is changed; None for a family's.
        joined: Inputs of `saved` that stand beside one another in a row of its one input here; none where it has but
            one of its own.
    """

    name: str
    inputs: Mapping[str, tuple[int, ...]] = field(hash=False)
    layers: tuple[Part, ...]
    loss: Loss
    entering: tuple[Part, ...] = ()
    following: Mapping[str, tuple[Part, ...]] = field(default_factory=dict, hash=False)
    auxiliary: Head | None = None
    place: int = 0
    beside: tuple[Beside, ...] = ()
    saved: SavedModel | None = None
    joined: InputShapes = ()

    def __post_init__(self) -> None:
        if isinstance(self.loss, str):
            object.__setattr__(self, "loss", Loss(self.loss))

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of one row of a model that has one input.

        Raises:
            ValueError: It has several.
        """
        if len(self.inputs) != 1:
            raise ValueError(f"expected a model of one input, received {', '.join(self.inputs)}")
        return next(iter(self.inputs.values()))

    @property
    def has_own_code(self) -> bool:
        """Whether making it runs code that is not Keras' own: the user's, or that of a technique from elsewhere."""
        has_file = self.saved is not None and self.saved.custom is not None
        return has_file or any(part.is_own for part in self.chain)

    @property
    def outputs(self) -> frozenset[str]:
        """Names of the layers that predict: one in a model of a family, perhaps several in the user's."""
        return frozenset((self.layers[-1].name,) if self.saved is None else self.saved.outputs)

    @property
    def output(self) -> Part:
        """The last layer that predicts."""
        return next(layer for layer in reversed(self.layers) if layer.name in self.outputs)

    @property
    def chain(self) -> tuple[Part, ...]:
        """All layers of a family's model one after the other, techniques' included."""
        behind = (part for layer in self.layers for part in (layer, *self.following.get(layer.name, ())))
        return (*self.entering, *behind)

    def at_precision(self, precision: str) -> Architecture:
        """The same model computing in `float32` or `mixed_bfloat16`, where output layers and all behind are in float32.

        Source: Keras' guide to mixed precision, for the output layer.
        """
        if precision == "float32":
            return self
        n_mixed = next((place for place, x in enumerate(self.layers) if x.name in self.outputs), 0)
        mixed = (
            # An operation has no precision of its own: it computes in that of what it takes.
            x.with_arguments(dtype=precision if place < n_mixed else "float32") if x.path.startswith("layers.") else x
            for place, x in enumerate(self.layers)
        )
        head = self.auxiliary
        if head is not None:
            head = replace(head, layer=head.layer.with_arguments(dtype="float32"))
        return replace(self, layers=tuple(mixed), auxiliary=head)
