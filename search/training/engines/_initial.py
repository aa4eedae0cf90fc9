"""The model of a job at its initial weights."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterator
from typing import TYPE_CHECKING

from search.models import build_model
from search.training.engines._base import Job

if TYPE_CHECKING:
    import keras


def initial_model(job: Job) -> keras.Model:
    """Build the model of a job; global random state is left as a plain program with the same seed leaves it.

    Initial weights depend on the seed alone. Keras draws the seed of each initializer and of each Dropout from
    one stream, so that a Dropout changes the weights of every layer after it; therefore the plain model is
    built first, and the regularized one takes over its weights, layer by layer.
    """
    with _seeded(job.seed):
        plain = build_model(job.plain)
    if job.regularized == job.plain:
        return plain
    with _seeded(job.seed):
        model = build_model(job.regularized)
    for layer in plain.layers:
        model.get_layer(layer.name).set_weights(layer.get_weights())
    return model


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
