"""How many activations are exactly zero: what penalties on activations are meant to raise."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from search.models import layers_by_path
from search.techniques import techniques_of
from search.training.engines._base import Job
from search.training.engines._step import as_input

if TYPE_CHECKING:
    import keras
    import tensorflow as tf


def watched_layers(job: Job) -> tuple[str, ...]:
    """The hidden layers whose zeros are counted: those with a kernel, in studies that penalize activations."""
    if not any(technique.penalizes_activations for technique in techniques_of(job.names)):
        return ()
    return tuple(layer.name for layer in job.plain.layers if layer.has_kernel and layer.name not in job.plain.outputs)


def zero_shares(
    model: keras.Model, layers: tuple[str, ...], x: Mapping[str, tf.Tensor], counts: tf.Tensor
) -> tf.Tensor:
    """The shares of zeros among the outputs of layers, added up over the rows that count.

    Args:
        model: The model, in inference mode.
        layers: Names of layers; a layer that is used several times counts with all its outputs.
        x: Features by the name of their input, shape (rows, ...), float32.
        counts: 1 for rows that count and 0 for others, shape (rows,), float32.

    Returns:
        Shape (layers,), float32.
    """
    import tensorflow as tf

    known = layers_by_path(model)
    with contextlib.ExitStack() as stack:
        recorded = [stack.enter_context(_recorded_outputs(known[name])) for name in layers]
        model(as_input(x), training=False)
    sums = []
    for outputs in recorded:
        flat = tf.concat([tf.reshape(output, (tf.shape(output)[0], -1)) for output in outputs], axis=1)
        of_rows = tf.reduce_mean(tf.cast(tf.equal(flat, 0), tf.float32), axis=1)
        sums.append(tf.tensordot(of_rows, counts, 1))
    return tf.stack(sums)


@contextlib.contextmanager
def _recorded_outputs(layer: keras.Layer) -> Iterator[list[tf.Tensor]]:
    """A list that takes what the layer returns, call by call: a layer of a nested or a shared model has no output."""
    import tensorflow as tf

    outputs: list[tf.Tensor] = []
    call: Callable[..., Any] = layer.call

    @functools.wraps(call)
    def recording(*arguments: Any, **named: Any) -> Any:
        output = call(*arguments, **named)
        outputs.extend(tf.nest.flatten(output))
        return output

    layer.call = recording
    try:
        yield outputs
    finally:
        del layer.call
