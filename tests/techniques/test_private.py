"""The private names of Keras and TensorFlow that we lean on are there, and do what we take them for."""

import random
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from search.techniques import private

SEARCH = Path(private.__file__).parents[1]
PRIVATE = re.compile(r"keras\.src|tensorflow\.python|tracing_count\(\)|(?<!self)(?<!cls)(?<!super\(\))\._[a-z]\w*\(")


def test_layers_that_wrappers_hold_are_among_all_layers(keras):
    cell = keras.layers.Dense(2, name="inside")
    model = keras.Sequential([keras.Input((3, 4)), keras.layers.TimeDistributed(cell)])
    assert cell not in model.layers
    assert cell in private.flattened_layers(model)


def test_keras_draws_seeds_from_the_generator_it_is_given_and_then_from_its_own_again(keras):
    def drawn():
        return keras.initializers.GlorotUniform().seed, keras.random.SeedGenerator().state.numpy().tolist()

    keras.utils.set_random_seed(3)
    expected = drawn()
    random.seed(99)
    before = random.getstate()
    with private.seeds_drawn_from(random.Random(3)):
        assert drawn() == expected
    assert random.getstate() == before
    keras.utils.set_random_seed(3)
    assert drawn() == expected


def test_seed_is_set_as_by_keras_and_a_stateful_operation_tells(keras, tf):
    from keras.src.backend.common import global_state

    def drawn():
        seeds = keras.initializers.GlorotUniform().seed, keras.random.SeedGenerator().state.numpy().tolist()
        return seeds, random.random(), np.random.rand(), keras.random.uniform((2,)).numpy().tolist()

    keras.utils.set_random_seed(3)
    expected = drawn()
    has_drawn = private.set_random_seed(3)
    assert drawn() == expected
    assert global_state.get_global_attribute("global_random_seed") == 3
    assert not has_drawn()
    tf.random.uniform(())
    assert has_drawn()


DRAWS = {
    "normal": lambda tf: tf.random.normal((3, 2), 1.0, 2.0),
    "truncated": lambda tf: tf.random.truncated_normal((3, 2), dtype=tf.float64),
    "bounded": lambda tf: tf.random.uniform((3, 2), -1.0, 1.0),
    "whole": lambda tf: tf.random.uniform((3, 2), 0, 1000, tf.int32),
    "gamma": lambda tf: tf.random.gamma((3,), [1.0, 2.0]),
    "poisson": lambda tf: tf.random.poisson((3,), [100.0, 200.0]),
    "shuffled": lambda tf: tf.random.shuffle(tf.range(50)),
    "classes": lambda tf: tf.random.categorical(tf.zeros((2, 100)), 20),
    "dropped": lambda tf: tf.nn.dropout(tf.ones((20, 20)), 0.5),
    "generator": lambda tf: _GENERATORS.setdefault("one", tf.random.Generator.from_seed(1)).normal((3, 2)),
    "keras": lambda tf: _keras_normal(),
}
_GENERATORS = {}


def _keras_normal():
    import keras

    return keras.random.normal((3, 2))


@pytest.mark.parametrize("draw", DRAWS.values(), ids=DRAWS)
def test_draws_are_those_of_their_keys_and_of_the_kind_that_they_were(keras, tf, draw):
    def drawn(first):
        numbers = iter(range(first, first + 10))
        with private.draws_keyed(lambda: tf.constant([next(numbers), 7], tf.int32), ()):
            return draw(tf), draw(tf)

    usual, (one, next_one), again, other = draw(tf), drawn(1), drawn(1), drawn(5)
    assert (one.shape, one.dtype) == (usual.shape, usual.dtype)
    np.testing.assert_array_equal(one, again[0])
    np.testing.assert_array_equal(next_one, again[1])
    assert not np.array_equal(one, next_one)
    assert not np.array_equal(one, other[0])
    assert not np.array_equal(draw(tf), draw(tf))  # as it was


def test_generator_whose_state_runs_begin_with_draws_on_its_own(keras, tf):
    generator, other = keras.random.SeedGenerator(3), keras.random.SeedGenerator(3)
    expected = keras.random.normal((3,), seed=other)
    with private.draws_keyed(lambda: tf.constant([1, 2]), {id(generator.state)}):
        np.testing.assert_array_equal(keras.random.normal((3,), seed=generator), expected)
    assert generator.state.numpy().tolist() == other.state.numpy().tolist() != [3, 0]


@pytest.mark.parametrize("longer", ["left", "right"])
def test_order_of_calls_does_not_change_with_the_length_of_a_branch(keras, longer):
    called = []

    class Noting(keras.layers.Layer):
        def call(self, x):
            called.append(self.name)
            return x

    rows = keras.Input((2,))
    branches = []
    for side in ("left", "right"):
        branch = Noting(name=side)(rows)
        branches.append(Noting(name=f"{side} again")(branch) if side == longer else branch)
    model = keras.Model(rows, keras.layers.Add()(branches))
    private.call_in_fixed_order(model)
    del called[:]
    model(np.ones((1, 2), np.float32))
    assert [name for name in called if "again" not in name] == ["left", "right"]


def test_masks_of_dropouts_have_the_shape_of_their_channels_and_rows(keras):
    rows = np.ones((3, 4, 5, 2), np.float32)
    shape = private.dropped_channels_shape(keras.layers.SpatialDropout2D(0.5), rows)
    assert [int(size) for size in shape] == [3, 1, 1, 2]
    shape = private.alpha_noise_shape(keras.layers.AlphaDropout(0.5, noise_shape=(None, 1, 5, 2)), rows)
    assert [int(size) for size in shape] == [3, 1, 5, 2]


def test_normalization_takes_its_moments_through_the_function(keras):
    @private.with_moments(lambda moments: (moments[0] + 1, moments[1]))
    class Shifted(keras.layers.BatchNormalization):
        pass

    rows = np.array([[1.0], [3.0]], np.float32)
    plain = keras.layers.BatchNormalization(epsilon=1e-12)(rows, training=True).numpy()
    np.testing.assert_allclose(plain, [[-1], [1]], atol=1e-5)
    np.testing.assert_allclose(Shifted(epsilon=1e-12)(rows, training=True).numpy(), [[-2], [0]], atol=1e-5)
    np.testing.assert_allclose(
        keras.layers.BatchNormalization(epsilon=1e-12)(rows, training=True).numpy(), plain, atol=1e-6
    )


def test_tracings_of_a_function_are_counted(keras):
    import tensorflow as tf

    function = tf.function(lambda x: x + 1, autograph=False)
    assert private.tracing_count(function) == 0
    for rows in (1, 1, 2):
        function(tf.ones(rows))
    assert private.tracing_count(function) == 2


def test_traced_function_with_a_gradient_of_its_own_leaves_it_in_the_registry(keras):
    import tensorflow as tf

    @tf.custom_gradient
    def doubled(x):
        return 2 * x, lambda upstream: 2 * upstream

    registered = private.registered_gradients()
    before = set(registered)
    tf.function(doubled, autograph=False)(tf.ones(3))
    left = registered.keys() - before
    assert left
    assert all(name.startswith("CustomGradient-") for name in left)
    for name in left:
        del registered[name]
    assert set(private.registered_gradients()) == before


def test_options_of_the_graph_optimizer_are_those_that_were_said(tf):
    before = dict(private.graph_options())
    tf.config.optimizer.set_experimental_options({"debug_stripper": True})
    assert private.graph_options()["debug_stripper"] is True
    del private.graph_options()["debug_stripper"]
    assert "debug_stripper" not in tf.config.optimizer.get_experimental_options()
    assert dict(private.graph_options()) == before


def test_state_of_keras_is_set_aside_and_comes_back(keras):
    before = keras.config.dtype_policy().name
    first = keras.layers.Dense(1).name
    with private.keras_state_kept():
        assert keras.layers.Dense(1).name == "dense"
        keras.config.set_dtype_policy("mixed_bfloat16")
        keras.saving.get_custom_objects()["ours"] = object
    assert keras.config.dtype_policy().name == before
    assert "ours" not in keras.saving.get_custom_objects()
    number = int(first.rpartition("_")[2]) if "_" in first else 0
    assert keras.layers.Dense(1).name == f"dense_{number + 1}"


def test_seed_of_tensorflow_comes_back_with_the_numbers_that_were_drawn_from_it(tf):
    tf.random.set_seed(5)
    expected = [float(tf.random.uniform(())) for _ in range(2)]
    tf.random.set_seed(5)
    drawn = [float(tf.random.uniform(()))]
    with private.tensorflow_seed_kept():
        tf.random.set_seed(7)
        tf.random.uniform(())
    assert [*drawn, float(tf.random.uniform(()))] == expected


def test_determinism_of_operations_is_left_off_where_it_was(tf):
    from tensorflow.python.framework import config

    with private.determinism_kept():
        tf.config.experimental.enable_op_determinism()
    assert not config.is_op_determinism_enabled()


def test_operations_of_a_saved_model_come_from_the_modules_that_we_know(keras):
    rows = keras.Input((2,))
    for made in (rows * 2, keras.ops.maximum(rows, 0)):
        (entry,) = [x for x in keras.Model(rows, made).get_config()["layers"] if x["class_name"] != "InputLayer"]
        assert entry["module"].startswith(private.OPERATION_MODULES)


@pytest.mark.parametrize(
    "path",
    [path for path in sorted(SEARCH.rglob("*.py")) if {"models", "techniques", "training"} & set(path.parts)],
    ids=lambda path: str(path.relative_to(SEARCH)),
)
def test_no_other_module_leans_on_a_private_name(path):
    found = PRIVATE.findall(path.read_text())
    if path.name == "private.py":
        assert "._flatten_layers(" in found
    else:
        assert found == []


def test_huber_keeps_its_delta_where_its_configuration_has_none(keras):
    loss = keras.losses.Huber(delta=2.0)
    assert private.loss_arguments(loss) == {"delta": 2.0}
    assert "delta" not in loss.get_config()


def test_keras_is_imported_without_its_extras_which_can_be_imported_afterwards():
    code = (
        "import sys\n"
        "import search.dispatch.imported\n"
        "assert 'keras' in sys.modules\n"
        "assert not {'sklearn', 'pandas', 'scipy.stats'} & set(sys.modules)\n"
        "import sklearn.preprocessing, pandas, keras\n"
        "assert keras.src.trainers.data_adapters.array_slicing.pandas is None\n"
        "assert keras.src.wrappers.sklearn_wrapper.sklearn is None\n"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
