"""The matrix products and convolutions of a run alone: what no engine can be faster than with these kernels."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

from search.models import Architecture, build_model
from search.techniques import Part
from search.training.engines import Job
from tests.benchmarks.comparison import Cost, wall_seconds

GOAL = 1 / 1.4
"""A run is to take at most 1.4 times what its products take."""

PEER = "its products alone"


def fastest_products(job: Job, share: float = 1.0) -> Cost:
    """What the products of a job take with the faster kernels, XLA's or TensorFlow's own, times a share of them."""
    ways = [wall_seconds(by_products(job, compiled=compiled), share) for compiled in (True, False)]
    return lambda: min(cost() for cost in ways)


def by_products(job: Job, *, compiled: bool) -> Callable[[], object]:
    """All products of a job's net, forward and back, of as many batches as its epochs have, and forward of its rows
    that score; no activation, loss, penalty or optimizer.

    Args:
        job: The job; its rows are taken in their order.
        compiled: Whether XLA's kernels multiply, or TensorFlow's own.
    """
    import tensorflow as tf

    model = build_model(_bare(job.plain))
    weights = [variable.value for variable in model.trainable_variables]
    size = min(job.training.batch_size, len(job.arrays.train.array))
    n_steps = math.ceil(len(job.arrays.train.array) / size)
    rows, scoring = tf.constant(job.arrays.train.array), tf.constant(job.arrays.validation.array)

    def forward(x: tf.Tensor, at: list[tf.Tensor]) -> tf.Tensor:
        outputs, _ = model.stateless_call(at, [v.value for v in model.non_trainable_variables], x)
        return outputs

    def step(number: tf.Tensor, *gradients: tf.Tensor) -> list[tf.Tensor]:
        batch = tf.gather(rows, tf.range(size) + tf.math.floormod(number, max(1, n_steps - 1)) * size)
        with tf.GradientTape() as tape:
            # What was found last is added by a hair's breadth, so that no step can be left out.
            at = [weight + 1e-9 * gradient for weight, gradient in zip(weights, gradients, strict=True)]
            tape.watch(at)
            half_square = tf.nn.l2_loss(forward(batch, at))
        return [number + 1, *tape.gradient(half_square, at)]

    def epoch(number: tf.Tensor, seen: tf.Tensor, *gradients: tf.Tensor) -> list[tf.Tensor]:
        _, *found = tf.while_loop(
            lambda at, *_: at < n_steps, step, [tf.constant(0), *gradients], maximum_iterations=n_steps
        )
        at = [weight + 1e-9 * gradient for weight, gradient in zip(weights, found, strict=True)]
        return [number + 1, seen + tf.reduce_sum(forward(scoring, at)), *found]

    @tf.function(jit_compile=compiled, autograph=False)
    def run() -> tf.Tensor:
        start = [tf.constant(0), tf.constant(0.0), *map(tf.zeros_like, weights)]
        return tf.while_loop(lambda at, *_: at < job.training.epochs, epoch, start)[1]

    return lambda: run().numpy()


def _bare(plain: Architecture) -> Architecture:
    """The net without activations and biases."""
    return replace(plain, layers=tuple(map(_without_activation, plain.layers)))


def _without_activation(layer: Part) -> Part:
    if layer.is_recurrent:
        return layer.with_arguments(activation=None, recurrent_activation=None, use_bias=False)
    return layer.with_arguments(activation=None, use_bias=False) if layer.has_kernel else layer
