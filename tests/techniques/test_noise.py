"""Noise is random where it should be, and equal where it should be."""

import itertools
import threading
import zlib

import numpy as np
import pytest
from scipy import special, stats

from search.techniques.noise import (
    NoiseKey,
    current_counts,
    current_key,
    drop,
    layer_key,
    layer_noise,
    noise_step,
    normal,
    step_key,
    uniform,
)
from search.training.session import start_tensorflow

start_tensorflow()

import tensorflow as tf  # noqa: E402  # set up first

SHAPE = (30, 500)
PROGRAMS = {
    "eager": lambda function: function,
    "graph": lambda function: tf.function(function, autograph=False),
    "xla": lambda function: tf.function(function, autograph=False, jit_compile=True),
}
ROOT = (np.uint32(0x243F6A88), np.uint32(0x85A308D3))


def hashed(counter, first, second):
    """The hash again, in NumPy. All are uint32 arrays, whose arithmetic wraps without a warning."""
    counter, first, second = (np.atleast_1d(np.asarray(word, np.uint32)) for word in (counter, first, second))
    mixed = counter + first
    mixed = (mixed ^ (mixed >> np.uint32(15))) * np.uint32(0xD168AAAD) + second
    mixed = (mixed ^ (mixed >> np.uint32(15))) * np.uint32(0xAF723597)
    return mixed ^ (mixed >> np.uint32(15))


def reference_bits(seed, step, layer, size):
    first, second = ROOT
    for salt in (seed, step, zlib.crc32(layer.encode())):
        first, second = hashed(salt, first, second), hashed(salt, second, first)
    return hashed(np.arange(size), first, second)


def reference_uniform(seed, step, layer, shape):
    return ((reference_bits(seed, step, layer, np.prod(shape)) >> np.uint32(8)) * 2.0**-24).reshape(shape)


def drawn(seed, step, layer="dropout_1", size=20_000):
    return uniform(layer_key(step_key(seed, step), layer), (size,)).numpy()


def assert_independent(streams):
    """No pair of streams is more alike than chance makes the most alike of so many pairs."""
    correlations = np.corrcoef(streams)[np.triu_indices(len(streams), 1)] * np.sqrt(len(streams[0]))
    assert stats.kstest(correlations, "norm").pvalue > 0.01
    assert 2 * stats.norm.sf(np.abs(correlations).max()) * len(correlations) > 0.01


@pytest.mark.parametrize("program", PROGRAMS)
def test_every_kind_of_program_gives_the_reference_numbers(program):
    def draw(seed, step):
        return uniform(layer_key(step_key(seed, step), "dropout_2"), SHAPE)

    numbers = PROGRAMS[program](draw)(tf.constant(2**31 - 1), tf.constant(3999)).numpy()
    np.testing.assert_array_equal(numbers, reference_uniform(2**31 - 1, 3999, "dropout_2", SHAPE).astype(np.float32))
    assert numbers.dtype == np.float32


@pytest.mark.parametrize("program", PROGRAMS)
def test_every_kind_of_program_gives_the_reference_normals(program):
    numbers = PROGRAMS[program](lambda step: normal(layer_key(step_key(7, step), "noise"), SHAPE))(
        tf.constant(5)
    ).numpy()
    parts = reference_bits(7, 5, "noise", np.prod(SHAPE)) >> np.uint32(9)
    np.testing.assert_allclose(numbers.ravel(), special.ndtri((parts + 0.5) * 2.0**-23), rtol=2e-5, atol=2e-6)


@pytest.mark.parametrize("program", PROGRAMS)
def test_every_kind_of_program_drops_the_same(program):
    x = np.random.default_rng(1).normal(size=SHAPE).astype(np.float32)
    kept = reference_uniform(1, 2, "dropout_1", SHAPE) >= np.float32(0.3)

    def dropped(x, rate):
        return drop(x, rate, layer_key(step_key(1, 2), "dropout_1"))

    y = PROGRAMS[program](dropped)(tf.constant(x), tf.constant(0.3)).numpy()
    np.testing.assert_array_equal(y != 0, kept)
    np.testing.assert_allclose(y[kept], x[kept] / 0.7, rtol=1e-6)


@pytest.mark.parametrize("program", ["graph", "xla"])
def test_one_loop_of_many_steps_gives_the_numbers_of_single_steps(program):
    def last_of(n_steps):
        def step(number, _):
            return number + 1, uniform(layer_key(step_key(3, number), "dropout_1"), (100,))

        return tf.while_loop(lambda number, _: number < n_steps, step, (0, tf.zeros((100,))))[1]

    numbers = PROGRAMS[program](last_of)(tf.constant(50)).numpy()
    np.testing.assert_array_equal(numbers, drawn(3, 49, size=100))


@pytest.mark.parametrize("program", ["graph", "xla"])
def test_batch_of_unknown_size_is_dropped_like_a_known_one(program):
    x = tf.random.stateless_normal((37, 8), (1, 2))
    key = step_key(1, 1)
    function = PROGRAMS[program](lambda x: drop(x, 0.5, key)).get_concrete_function(tf.TensorSpec((None, 8)))
    np.testing.assert_array_equal(function(x), drop(x, 0.5, key))


def test_short_batch_meets_the_first_rows_of_a_full_one():
    key = step_key(1, 1)
    np.testing.assert_array_equal(uniform(key, (10, 8)), uniform(key, (32, 8))[:10])


def test_numbers_are_spread_evenly():
    numbers = drawn(1, 0, size=1_000_000)
    assert (numbers.min() >= 0) & (numbers.max() < 1)
    assert stats.chisquare(np.bincount((numbers * 4096).astype(int), minlength=4096)).pvalue > 0.01


def test_numbers_of_one_element_are_spread_evenly_over_steps():
    first = np.array([reference_bits(1, step, "dropout_1", 1)[0] for step in range(20_000)])
    assert stats.chisquare(np.bincount(first >> np.uint32(24), minlength=256)).pvalue > 0.01


def test_pairs_of_neighbours_are_spread_evenly():
    numbers = (drawn(2, 0, size=1_000_000) * 64).astype(int)
    for distance in (1, 2, 500):  # neighbours in a row, and in a column of 500 units
        pairs = numbers[:-distance] * 64 + numbers[distance:]
        assert stats.chisquare(np.bincount(pairs[:: distance + 1], minlength=4096)).pvalue > 0.01


@pytest.mark.parametrize(
    "streams",
    [
        [(1, step, "dropout_1") for step in range(40)],
        [(1, 2**power, "dropout_1") for power in range(32)],
        [(seed, 0, "dropout_1") for seed in range(40)],
        [(seed, 40 - seed, "dropout_1") for seed in range(40)],
        [(1, 0, f"dropout_{number}") for number in range(40)],
    ],
    ids=["steps", "powers of two", "seeds", "seeds against steps", "layers"],
)
def test_streams_are_independent(streams):
    assert_independent([drawn(*stream) for stream in streams])


def test_stream_is_nowhere_a_shift_of_another():
    one, other = (set(reference_bits(1, step, "dropout_1", 20_000).tolist()) for step in (0, 1))
    assert len(one & other) < 5  # 0.1 are expected


def test_streams_that_count_alike_are_independent():
    halves = [step_key(1, step) for step in range(40)]
    assert_independent([uniform(NoiseKey(halves[0].first, key.second), (20_000,)) for key in halves])


@pytest.mark.parametrize("flipped", range(32))
def test_one_bit_of_the_counter_flips_each_bit_of_the_number_half_the_time(flipped):
    first, second = ROOT
    counters = np.random.default_rng(flipped).integers(0, 2**32, 20_000, dtype=np.uint32)
    changes = hashed(counters, first, second) ^ hashed(counters ^ np.uint32(1 << flipped), first, second)
    shares = [((changes >> np.uint32(bit)) & np.uint32(1)).mean() for bit in range(8, 32)]  # the bits that are used
    assert np.abs(np.array(shares) - 0.5).max() < 0.03


def test_every_bit_is_set_half_the_time():
    bits = reference_bits(1, 0, "dropout_1", 100_000)
    shares = np.array([((bits >> np.uint32(bit)) & np.uint32(1)).mean() for bit in range(32)])
    assert np.abs(shares - 0.5).max() < 4 * 0.5 / np.sqrt(100_000)


def test_normals_are_normal():
    numbers = normal(step_key(1, 0), (500_000,)).numpy().astype(np.float64)
    assert stats.kstest(numbers, "norm").pvalue > 0.01
    assert abs(numbers.mean()) < 3 / np.sqrt(500_000)
    assert abs(numbers.var() - 1) < 3 * np.sqrt(2 / 500_000)
    assert abs(stats.skew(numbers)) < 3 * np.sqrt(6 / 500_000)
    assert abs(stats.kurtosis(numbers)) < 3 * np.sqrt(24 / 500_000)


@pytest.mark.parametrize("word", [0, 2**32 - 1])
def test_outermost_normals_are_finite(word, monkeypatch):
    monkeypatch.setattr("search.techniques.noise._hash", lambda counter, first, second: tf.fill((1,), np.uint32(word)))
    assert abs(normal(step_key(0, 0), (1,)).numpy()[0]) == pytest.approx(5.29, abs=0.01)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("program", PROGRAMS)
def test_rate_zero_leaves_every_bit(program, dtype):
    x = tf.cast(tf.constant([1.1, -0.0, np.inf, -np.inf, 1e-30, 3e38]), dtype)
    y = PROGRAMS[program](lambda x, rate: drop(x, rate, step_key(1, 1)))(x, tf.constant(0.0))
    assert y.dtype == x.dtype
    assert y.numpy().tobytes() == x.numpy().tobytes()


def test_higher_rate_drops_what_a_lower_one_drops():
    x, key = tf.ones(SHAPE), step_key(5, 5)
    kept = [drop(x, rate, key).numpy() > 0 for rate in (0.0, 1e-3, 0.2, 0.2000001, 0.5, 0.999)]
    assert all((less <= more).all() for more, less in itertools.pairwise(kept))
    assert kept[0].all()


@pytest.mark.parametrize("rate", [0.05, 0.3, 0.6, 0.95])
def test_share_that_is_dropped_is_the_rate(rate):
    y = drop(tf.ones((1_000_000,)), rate, step_key(1, 0)).numpy()
    assert stats.binomtest(int((y == 0).sum()), y.size, rate).pvalue > 0.01


@pytest.mark.parametrize("program", PROGRAMS)
def test_gradient_goes_where_activations_went(program):
    def value_and_gradient(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = drop(x, 0.3, step_key(1, 1))
        return y, tape.gradient(y, x)

    y, gradient = PROGRAMS[program](value_and_gradient)(tf.ones(SHAPE))
    np.testing.assert_array_equal(y, gradient)


def test_layers_find_the_key_and_the_rows_of_their_step():
    outer, inner, rows = step_key(1, 0), step_key(1, 1), tf.constant([1.0, 1.0, 0.0])
    with noise_step(outer, rows):
        with noise_step(inner):
            assert current_key() is inner
            assert current_counts() is None
        assert current_key() is outer
        assert current_counts() is rows
    assert current_counts() is None


def words(key):
    return int(key.first), int(key.second)


def test_each_use_of_a_name_in_a_step_has_a_key_of_its_own():
    key = step_key(1, 0)
    with noise_step(key):
        uses = [words(layer_noise("drop")) for _ in range(3)]
        other = words(layer_noise("other"))
        with noise_step(key):
            inner = words(layer_noise("drop"))
        uses.append(words(layer_noise("drop")))
    assert uses[0] == inner == words(layer_key(key, "drop"))
    assert other == words(layer_key(key, "other"))
    assert len({*uses, other}) == 5
    with noise_step(key):
        assert [words(layer_noise("drop")) for _ in range(4)] == uses


def test_uses_of_a_name_are_independent_of_each_other_and_of_other_steps():
    streams = []
    for step in range(8):
        with noise_step(step_key(1, step)):
            streams += [uniform(layer_noise("dropout_1"), (20_000,)).numpy() for _ in range(5)]
    assert_independent(streams)


NO_KEY = "expected the key of a training step, received none; call layers that draw noise inside `noise_step(key)`"


def test_outside_of_a_step_there_is_no_key():
    with noise_step(step_key(1, 0)):
        pass
    with pytest.raises(RuntimeError) as caught:
        current_key()
    assert str(caught.value) == NO_KEY


def test_key_is_seen_by_its_own_thread_only():
    messages = []

    def ask():
        try:
            current_key()
        except RuntimeError as error:
            messages.append(str(error))

    with noise_step(step_key(1, 0)):
        thread = threading.Thread(target=ask)
        thread.start()
        thread.join()
    assert messages == [NO_KEY]
