"""What mixing a batch's rows with each other needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from search.techniques import noise
from search.techniques.noise import NoiseKey, layer_key

if TYPE_CHECKING:
    import tensorflow as tf

_N_TRIES = 16


def draw_beta(key: NoiseKey, alpha: tf.Tensor) -> tf.Tensor:
    """A number of the Beta(alpha, alpha) distribution; scalars, float32, alpha above 0.

    From two Gamma(alpha) numbers: `a / (a + b)`, computed from their logarithms, for those of a small alpha are too
    small for float32.
    """
    import tensorflow as tf

    first, second = (_log_gamma(layer_key(key, name), alpha) for name in ("first", "second"))
    return tf.sigmoid(first - second)


def draw_partners(key: NoiseKey, counts: tf.Tensor) -> tf.Tensor:
    """The row that each row is mixed with, shape (rows,), int32: the one a number of rows on, the same for all.

    Batches are drawn in random order, so this mixes at random too, and never a row with itself. Rows that do not count
    are their own partners, as is a row that is alone.

    Args:
        key: Equal keys give equal partners.
        counts: 1 for rows that count and 0 for the others, which come last; shape (rows,), float32.
    """
    import tensorflow as tf

    n_rows, row = tf.cast(tf.reduce_sum(counts), tf.int32), tf.range(tf.size(counts))
    distance = 1 + tf.cast(noise.uniform(key, ()) * tf.cast(n_rows - 1, tf.float32), tf.int32)
    return tf.where(row < n_rows, (row + distance) % tf.maximum(n_rows, 1), row)


def mixed_weight(weight: tf.Tensor, partner: tf.Tensor, share: tf.Tensor) -> tf.Tensor:
    """The weight of rows that were mixed with others; exactly their own where it is the other's too.

    Args:
        weight: How much each row counts, shape (rows,).
        partner: The row that each row was mixed with, shape (rows,).
        share: What is left of each row, a scalar.
    """
    import tensorflow as tf

    return weight + (1 - share) * (tf.gather(weight, partner) - weight)


def _log_gamma(key: NoiseKey, alpha: tf.Tensor) -> tf.Tensor:
    """The logarithm of a number of the Gamma(alpha) distribution.

    Of Gamma(alpha + 1) by rejection, and then times `uniform ** (1 / alpha)`. A program has no loop for as long as it
    takes: of the first 16 tries, each taken in more than 95 of 100 cases, none is taken once in 10**20 draws.

    Source: Marsaglia and Tsang 2000, A simple method for generating gamma variables.
    """
    import tensorflow as tf

    d = alpha + 1 - 1 / 3
    x = noise.normal(layer_key(key, "try"), (_N_TRIES,))
    v = (1 + x * tf.math.rsqrt(9 * d)) ** 3
    log_v = tf.math.log(tf.maximum(v, 1e-30))
    chance = tf.math.log(1 - noise.uniform(layer_key(key, "chance"), (_N_TRIES,)))
    taken = (v > 0) & (chance < 0.5 * x**2 + d * (1 - v + log_v))
    boost = tf.math.log(1 - noise.uniform(layer_key(key, "boost"), ()))
    # An index in brackets would be a slice, whose place XLA wants to know: it compiles anew for each seed.
    first = tf.gather(log_v, tf.argmax(tf.cast(taken, tf.int32)))
    return tf.math.log(d) + first + boost / alpha
