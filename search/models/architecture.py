"""A model described layer by layer, before Keras makes it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from search.techniques.parts import Part


@dataclass(frozen=True)
class Architecture:
    """A chain of layers from input to output, and the loss that it is trained with.

    Args:
        name: Name of the Keras model.
        input_shape: Shape of one row, without the batch.
        layers: The layers in order, without the input; each has a name.
        loss: Name of the data loss in `keras.losses`.
    """

    name: str
    input_shape: tuple[int, ...]
    layers: tuple[Part, ...]
    loss: str

    @property
    def output(self) -> Part:
        """The layer that predicts."""
        return self.layers[-1]

    def at_precision(self, precision: str) -> Architecture:
        """The same model computing in `float32` or `mixed_bfloat16`, in which the output layer stays in float32.

        Source: Keras' guide to mixed precision, for the output layer.
        """
        if precision == "float32":
            return self
        *hidden, output = self.layers
        mixed = [layer.with_arguments(dtype=precision) for layer in hidden]
        return self.with_layers((*mixed, output.with_arguments(dtype="float32")))

    def with_layers(self, layers: tuple[Part, ...]) -> Architecture:
        """The same model with other layers."""
        return replace(self, layers=layers)
