"""Recurrent dropout: what an LSTM or GRU hands on from step to step is left out at random."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

from search.techniques import noise
from search.techniques._base import LayerTechnique, Value
from search.techniques._domains import rate
from search.techniques.parts import Part, over


class RecurrentDropout(LayerTechnique):
    """Sets a share of the state that enters each gate to zero while training and scales the rest up.

    A row's mask, one for each gate, is the same in all of its time steps: `h * mask / (1 - value)`.

    Source: Gal and Ghahramani 2016, A theoretically grounded application of dropout in recurrent neural networks.
    """

    name = "recurrent_dropout"
    on_output = True  # its masks are inside the layer
    off = 0.0
    writes = frozenset({"recurrent_dropout"})
    replaces = frozenset({"recurrent_dropout"})
    domain = rate("share of an LSTM's or GRU's state that the steps of a row leave out", "Gal and Ghahramani 2016")

    def fits(self, layer: Part) -> bool:
        """Whether the layer has recurrent weights."""
        return layer.is_recurrent

    def apply(self, layer: Part, value: Value) -> tuple[Part, ...]:
        """The layer with the rate in its arguments."""
        return (layer.with_arguments(recurrent_dropout=over(value, layer.arguments.get("recurrent_dropout"))),)

    def stand_ins(self) -> Mapping[str, type]:
        """Whose rate may be a tensor, and whose masks, those of their inputs too, are drawn from `noise`."""
        return {"layers.LSTM": _traced_layer("LSTM"), "layers.GRU": _traced_layer("GRU")}


_N_GATES = {"LSTM": 4, "GRU": 3}


@functools.cache
def _traced_layer(name: str) -> type:
    import keras
    import tensorflow as tf

    base: Any = getattr(keras.layers, name)

    def drawn(cell: Any, n_rows: Any, width: int, rate: Any, key: noise.NoiseKey, use: str) -> list[Any]:
        """A mask for each gate, shape (rows, width)."""
        ones = tf.ensure_shape(tf.ones(tf.stack([n_rows, width]), cell.compute_dtype), (None, width))
        return [noise.drop(ones, rate, noise.layer_key(key, f"{use} {gate}")) for gate in range(_N_GATES[name])]

    class Recurrent(base):
        """Keras' own compares the rate with numbers, which a tensor does not allow, and calls slow generators.

        Its cell is told a rate that stands for any; the masks, which it asks for, are drawn here with the true one.
        """

        def __init__(self, *arguments: Any, **named: Any) -> None:
            super().__init__(*arguments, **named)
            self.use_cudnn = False  # its kernels know no masks, and XLA does not know them
            self._implementation = self.cell.implementation
            self._rate = self.cell.recurrent_dropout
            self._masks: dict[str, Any] = {}
            self.cell.get_dropout_mask = lambda _: self._masks.get("input")
            self.cell.get_recurrent_dropout_mask = lambda _: self._masks.get("state")

        @property
        def recurrent_dropout(self) -> Any:
            return self._rate

        @recurrent_dropout.setter
        def recurrent_dropout(self, rate: Any) -> None:
            self._rate, cell = rate, self.cell
            is_open = tf.is_tensor(rate)
            cell.recurrent_dropout = 0.5 if is_open else rate
            cell.implementation = 1 if is_open or rate > 0 else self._implementation
            cell.dropout_mask_count = _N_GATES[name]

        def call(self, sequences: Any, initial_state: Any = None, mask: Any = None, training: bool = False) -> Any:
            cell, n_rows = self.cell, tf.shape(sequences)[0]
            key = noise.layer_noise(self.name) if training else None
            if key is not None and cell.recurrent_dropout > 0:
                self._masks["state"] = drawn(cell, n_rows, cell.units, self._rate, key, "state")
            if key is not None and cell.dropout > 0:
                masks = drawn(cell, n_rows, sequences.shape[-1], cell.dropout, key, "input")
                # As in Keras, which computes all gates at once, from one mask, where states are not dropped.
                each = [tf.where(self._rate > 0, mask, masks[0]) for mask in masks]
                self._masks["input"] = each if cell.implementation == 1 else masks[0]
            try:
                return super().call(sequences, initial_state=initial_state, mask=mask, training=training)
            finally:
                self._masks.clear()

    Recurrent.__name__ = name
    return Recurrent
