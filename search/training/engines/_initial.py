"""The model of a job at its initial weights."""

from __future__ import annotations

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
    import keras

    keras.utils.set_random_seed(job.seed)
    plain = build_model(job.plain)
    if job.regularized == job.plain:
        return plain
    keras.utils.set_random_seed(job.seed)
    model = build_model(job.regularized)
    for layer in plain.layers:
        model.get_layer(layer.name).set_weights(layer.get_weights())
    return model
