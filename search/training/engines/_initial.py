"""The model of a job at the weights that it begins with."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from search.models import Architecture, build_model, weights_by_path
from search.techniques.private import seeds_drawn_from, set_random_seed
from search.training.engines._base import Job

if TYPE_CHECKING:
    import keras

Weights = Mapping[str, npt.NDArray[Any]]
"""Path of a weight to its value."""

_RANDOM_LAYERS = 107  # a purpose of its own among the numbers drawn from a run's seed


def draw_initial_weights(job: Job) -> Weights:
    """The weights that the plain model of a job is made with."""
    plain = job.plain if job.whole is None else job.whole.plain
    model = _seeded(job.seed, plain, lambda: build_model(plain, heads=True))
    weights = {path: weight.numpy() for path, weight in weights_by_path(model).items()}
    if job.whole is None:
        return weights
    front = {x.name for x in job.whole.plain.layers} - {x.name for x in job.plain.layers}
    return {path: value for path, value in weights.items() if not any(path.startswith(f"{name}/") for name in front)}


def initial_model(job: Job, initial: Weights, *, traced: bool = False) -> keras.Model:
    """Build the model of a job; global random state is left as a plain program with the same seed leaves it.

    Initial weights depend on the seed alone. Keras draws the seed of each initializer and of each Dropout from
    one stream, so that a Dropout changes the weights of every layer after it; therefore the regularized model takes
    over the weights of the plain one. Those of techniques' own layers are as Keras makes them. A job with a `start`
    begins there.

    Args:
        job: The job.
        initial: What `draw_initial_weights` returns for it.
        traced: Whether stand-ins take the place of Keras' own objects, and the head comes too.
    """
    weights = {**initial, **(job.start or {})}
    model = _seeded(job.seed, job.regularized, lambda: build_model(job.regularized, traced=traced, heads=traced))
    for path, variable in weights_by_path(model).items():
        if path in weights:
            variable.assign(weights[path])
    for state, value in zip(random_states(model), first_states(job.seed, len(random_states(model))), strict=True):
        state.assign(value)
    return model


def random_states(model: keras.Model) -> list[keras.Variable]:
    """The states of Keras' own random layers, each a key and a count of draws; they are no weights of the model."""
    weights = {id(weight) for weight in model.weights}
    return [variable for variable in model.variables if id(variable) not in weights]


def first_states(seed: int, n_layers: int) -> npt.NDArray[np.uint32]:
    """The states with which random layers begin a run, so that it repeats itself; shape (layers, 2)."""
    keys = np.random.SeedSequence((seed, _RANDOM_LAYERS)).generate_state(n_layers)
    return np.stack([keys, np.zeros_like(keys)], axis=1)


def _seeded(seed: int, architecture: Architecture, build: Callable[[], keras.Model]) -> keras.Model:
    """A model that is built after `keras.utils.set_random_seed(seed)`, out of reach of the process's other threads.

    Keras 3.15 draws seeds from Python's global generator, from which every thread may draw: on a Dask worker the
    event loop does, and about one run in fifty got other weights than its seed says. While the model is built Keras
    draws the very same numbers from a generator of its own.
    """
    import keras

    if not architecture.has_own_code:
        has_drawn = set_random_seed(seed)
        with seeds_drawn_from(random.Random(seed)):
            model = build()
        if not has_drawn():
            return model
    keras.utils.set_random_seed(seed)
    with seeds_drawn_from(random.Random(seed)):
        return build()
