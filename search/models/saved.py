"""The user's Keras model: a `.keras` file's content, and what it says of itself, read without Keras."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from search.data import SourceModule
from search.models.compiled import Compiled
from search.techniques.parts import Part


@dataclass(frozen=True)
class TextInput:
    """An input of text.

    Args:
        name: Its name.
        layer: Name of the layer that makes numbers of it.
        shape: Shape of one row of text.
        is_open: Whether it makes as many numbers of a text as there are words in the longest.
    """

    name: str
    layer: str
    shape: tuple[int | None, ...]
    is_open: bool = False


@dataclass(frozen=True)
class Output:
    """What comes out of a model at one of its outputs.

    Args:
        name: Its name, as `compile` and `fit` take it.
        units: How many numbers it predicts a row; None when the layers do not tell.
        activation: What was applied last: `softmax`, `sigmoid`, `linear` ...
    """

    name: str
    units: int | None
    activation: str


@dataclass(frozen=True)
class SavedModel:
    """A Sequential or Functional model, in the `.keras` format.

    Args:
        archive: Content of the file.
        sha256: Fingerprint of layers, and of weights as far as training begins with them, in hexadecimal.
        keeps_weights: Whether training begins at the weights saved. Otherwise they are drawn anew, except those of
            layers that have none to train: frozen ones, and Normalization.
        name: Name of the Keras model.
        inputs: Name of each input, and the shape of one row of it, without the batch; None where a size is open.
        layers: Every layer but inputs, in the file's order; a layer inside a nested model is named `MODEL/LAYER`.
        outputs: Names of the layers that predict: those with weights behind which there are none, whatever activations,
            operations and sums follow them.
        ends: What comes out of it, in the order in which the model has its outputs.
        whole: Names of the inputs that take whole numbers, as an Embedding does: names of things, not quantities.
        compiled: How it was compiled, as far as a study can say it.
        custom: The user's file that defines layers and functions of the model which are not Keras' own.
        is_subclassed: Whether it calls its layers in code of its own, so that what they take is not known, and nothing
            can be put between them.
        origin: Content of the file from which the weights are that training takes as they are, where it is another
            one: `archive` then is that file with other arguments of layers.
        texts: Inputs of text: `archive` is the model without the layers that read them, and takes numbers there, whose
            sizes are open until the data tells them; see `search.models.texts`.
        variants: What a builder returned for each of the options that a study may choose: these, and the model.
        defaults: What the builder has for such options by itself, as far as it can be written down.
    """

    archive: bytes = field(repr=False)
    sha256: str
    keeps_weights: bool
    name: str
    inputs: tuple[tuple[str, tuple[int | None, ...]], ...]
    layers: tuple[Part, ...] = field(repr=False)
    outputs: tuple[str, ...]
    ends: tuple[Output, ...]
    whole: tuple[str, ...] = ()
    compiled: Compiled = field(default_factory=Compiled, repr=False, hash=False)
    custom: SourceModule | None = None
    is_subclassed: bool = False
    origin: bytes = field(default=b"", repr=False)
    texts: tuple[TextInput, ...] = ()
    variants: tuple[tuple[Mapping[str, Any], SavedModel], ...] = field(default=(), repr=False, hash=False)
    defaults: tuple[tuple[str, Any], ...] = field(default=(), repr=False, hash=False)

    def variant(self, options: Mapping[str, Any] | None) -> SavedModel:
        """What the builder returned for these options; the model itself where it was called for one set of them only.

        Raises:
            KeyError: It was not called for such options.
        """
        if not self.variants:
            return self
        wanted = {name: list(value) if isinstance(value, tuple) else value for name, value in (options or {}).items()}
        for known, model in self.variants:
            if known == wanted:
                return model
        raise KeyError(str(wanted))

    @property
    def units(self) -> int | None:
        """How many numbers the first output predicts a row; None when its layers do not tell."""
        return self.ends[0].units

    @property
    def activation(self) -> str:
        """What was applied last before the first output."""
        return self.ends[0].activation

    @property
    def input_shape(self) -> tuple[int | None, ...]:
        """Shape of one row of a model that has one input.

        Raises:
            ValueError: It has several.
        """
        if len(self.inputs) != 1:
            raise ValueError(f"expected a model of one input, received {', '.join(name for name, _ in self.inputs)}")
        return self.inputs[0][1]

    @property
    def predicts_at_its_end(self) -> bool:
        """Whether nothing follows the layer that predicts, so that its numbers are what comes out."""
        return bool(self.layers) and self.layers[-1].name in self.outputs and self.activation == "linear"
