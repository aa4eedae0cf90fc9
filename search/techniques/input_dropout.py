"""Dropout of inputs: features left out at random in every training step."""

from __future__ import annotations

from collections.abc import Mapping

from search.techniques._base import InputTechnique, Value
from search.techniques._domains import rate
from search.techniques.dropout import traced_dropout
from search.techniques.parts import Part


class InputDropout(InputTechnique):
    """Sets a share of a row's features to zero while training and scales the rest up by `1 / (1 - value)`.

    Source: Srivastava et al. 2014, Dropout: a simple way to prevent neural networks from overfitting (there of
        visible units).
    """

    name = "input_dropout"
    off = 0.0
    domain = rate("share of a row's features that a training step leaves out", "Srivastava et al. 2014")

    def apply(self, input_shape: tuple[int, ...], value: Value) -> tuple[Part, ...]:
        """The layer `input_dropout`."""
        return (Part("layers.Dropout", {"rate": value, "name": self.name}),)

    def stand_ins(self) -> Mapping[str, type]:
        """Whose rate may be a tensor, and whose noise is that of `noise`."""
        return {"layers.Dropout": traced_dropout()}
