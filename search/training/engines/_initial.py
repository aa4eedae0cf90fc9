"""The model of a job at its initial weights."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy.typing as npt

from search.models import build_model
from search.training.engines._base import Job
from search.training.recent import Recent

if TYPE_CHECKING:
    import keras

Weights = Mapping[str, list[npt.NDArray[Any]]]
"""Layer name to the values of its weights."""


def initial_weights(job: Job) -> Weights:
    """The weights that the plain model of a job begins with; those of seeds used lately are kept."""

    def draw() -> Weights:
        with _seeded(job.seed):
            model = build_model(job.plain)
        return {layer.name: layer.get_weights() for layer in model.layers}

    return _KEPT.get((repr(job.plain), job.seed), draw)


def initial_model(job: Job) -> keras.Model:
    """Build the model of a job; global random state is left as a plain program with the same seed leaves it.

    Initial weights depend on the seed alone. Keras draws the seed of each initializer and of each Dropout from
    one stream, so that a Dropout changes the weights of every layer after it; therefore the regularized model takes
    over the weights of the plain one, layer by layer.
    """
    weights = initial_weights(job)
    with _seeded(job.seed):
        model = build_model(job.regularized)
    for layer in model.layers:
        if layer.name in weights:
            layer.set_weights(weights[layer.name])
    return model


def _n_bytes(weights: Weights) -> int:
    return sum(values.nbytes for layer in weights.values() for values in layer)


_KEPT: Recent[tuple[str, int], Weights] = Recent(64 * 2**20, _n_bytes)


@contextlib.contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """What `keras.utils.set_random_seed(seed)` does, out of reach of the process's other threads.

    Keras 3.15 draws seeds from Python's global generator, from which every thread may draw: on a Dask worker the
    event loop does, and about one run in fifty got other weights than its seed says. Inside this block Keras draws
    the very same numbers from a generator of its own; Keras has no public way to be given one.
    """
    import keras
    from keras.src.random import seed_generator

    keras.utils.set_random_seed(seed)
    shared = seed_generator.python_random
    seed_generator.python_random = random.Random(seed)
    try:
        yield
    finally:
        seed_generator.python_random = shared
