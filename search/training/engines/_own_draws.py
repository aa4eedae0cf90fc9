"""Code of the user's that draws at random draws what the seed and the step say, whichever engine trains.

By itself it goes on from a state that nobody begins anew: that of `keras.random`, of TensorFlow's operations, or of a
generator that the code made when it was loaded. A program is made once and run thousands of times, so that the same run
would draw something else each time, and a study would not give the same trials twice.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from search.techniques import noise
from search.techniques.private import draws_keyed, python_draws_seeded
from search.training.engines._initial import random_states

if TYPE_CHECKING:
    import keras
    import tensorflow as tf

    from search.techniques.noise import NoiseKey

_EVALUATION = 2**32 - 1
"""No step has this number."""


@contextlib.contextmanager
def draws_repeated(model: keras.Model, key: Callable[[], NoiseKey]) -> Iterator[None]:
    """Give each draw that is traced inside a key of its own: its place among them, and that of the step.

    What NumPy and Python's `random` draw becomes a constant of what is traced; it is the same wherever that is.

    Args:
        model: Its own random layers have states of their own, which runs begin anew.
        key: Returns the key of the step, and is asked where something is drawn alone.
    """
    import tensorflow as tf

    numbers = itertools.count()

    def next_key() -> tf.Tensor:
        drawn = noise.layer_key(key(), f"draw {next(numbers)} of the user's own")
        # A whole number below 2^31: what takes it wants it signed.
        return tf.cast(tf.bitwise.right_shift(tf.stack([drawn.first, drawn.second]), 1), tf.int32)

    with draws_keyed(next_key, {id(state) for state in random_states(model)}), python_draws_seeded():
        yield


def evaluation_draws(model: keras.Model) -> contextlib.AbstractContextManager[None]:
    """The same where rows are judged: each time, and in every run, the same is drawn."""
    return draws_repeated(model, lambda: noise.step_key(0, _EVALUATION))
