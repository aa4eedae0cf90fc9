"""Code of the user's that draws at random: the same run draws the same, whichever runs came before it in a process."""

from dataclasses import replace

import numpy as np
import pytest

from search.data import SourceFunction
from search.models import read_model
from search.records import Configuration
from search.spec import ModelSection
from search.training.engines import keep_going
from search.user_code import code_trusted

DRAWS = """
import random

import keras
import numpy as np
import tensorflow as tf

SEEDS = keras.random.SeedGenerator(3)
GENERATOR = tf.random.Generator.from_seed(3)


@tf.function
def noisy(x):
    if tf.reduce_sum(x) > 1e9:
        x = 2 * x
    return x + tf.random.normal(tf.shape(x))


def drawn(x):
    numbers = [tf.random.normal(tf.shape(x)), tf.random.uniform(tf.shape(x)), keras.random.normal(keras.ops.shape(x))]
    numbers += [keras.random.normal(keras.ops.shape(x), seed=SEEDS), GENERATOR.normal(tf.shape(x)), noisy(x)]
    return sum(numbers) + float(np.random.normal()) + random.random()
"""
LOSS = f"""{DRAWS}

def mine(y_true, y_pred):
    squares = keras.ops.mean(keras.ops.square(y_true - y_pred), axis=-1)
    return squares + 0.3 * keras.ops.mean(y_pred, axis=-1) * drawn(squares)
"""
NET = f"""{DRAWS}

@keras.saving.register_keras_serializable("mine")
class Noisy(keras.layers.Layer):
    def call(self, x, training=False):
        return x + 0.2 * drawn(x) if training else x + 0.05 * drawn(x)


def build():
    layers = [keras.layers.Dense(6, activation="relu", name="bent"), Noisy(name="noisy"), keras.layers.Dropout(0.2)]
    return keras.Sequential([keras.Input((4,)), *layers, keras.layers.Dense(1, name="told")])
"""


@pytest.fixture(scope="module")
def net(tmp_path_factory, keras):
    """A model with a layer that draws, in training and otherwise."""
    folder = tmp_path_factory.mktemp("net")
    (folder / "net.py").write_text(NET)
    section = ModelSection(builder="net.py:build", custom="net.py", weights="saved")
    with code_trusted():
        return read_model(
            section, folder, "[model]", input_shape=(4,), n_outputs=1, task="regression", timeout_seconds=600
        )


@pytest.fixture
def plan_of(net, make_plan):
    def make(kind, names=("l2",)):
        if kind == "a loss":
            plan = make_plan("regression", loss="mine.py:mine", space=names)
            return replace(plan, loss=SourceFunction("mine.py", "mine", LOSS))
        given = {"builder": "net.py:build", "custom": "net.py", "weights": "saved"}
        return replace(make_plan("regression", model=given, space=names), saved=net)

    return make


@pytest.mark.parametrize("kind", ["a loss", "a layer"])
def test_run_draws_the_same_whatever_was_trained_before(plan_of, make_run, train_stages, kind):
    """And `fit` draws what a program of TensorFlow's own kernels does; XLA has others."""
    outcomes = {}
    for engine in ("compiled", "graph", "fit"):
        first, other, again = (
            train_stages(plan_of(kind), make_run(seed=seed), engine, keep_going) for seed in (5, 6, 5)
        )
        assert first.curve == again.curve != other.curve
        assert first.score == again.score != other.score
        for path, values in first.weights.items():
            np.testing.assert_array_equal(values, again.weights[path], err_msg=path)
        outcomes[engine] = first
    by_graph, by_fit = outcomes["graph"], outcomes["fit"]
    assert by_graph.score == pytest.approx(by_fit.score, rel=1e-4)
    np.testing.assert_allclose(by_graph.curve.train_loss, by_fit.curve.train_loss, rtol=1e-4)


def test_steps_of_techniques_draw_the_same_too(plan_of, make_run, train_stages):
    run = replace(make_run(seed=5), configuration=Configuration({"input_noise": 0.2, "max_norm": 0.7}))
    plan = plan_of("a layer", ("input_noise", "max_norm"))
    by_fit, again, by_graph = (train_stages(plan, run, engine, keep_going) for engine in ("fit", "fit", "graph"))
    assert by_fit.curve == again.curve
    assert by_graph.score == pytest.approx(by_fit.score, rel=1e-4)


PURE = """
import tensorflow as tf


def pure(y_true, y_pred):
    return 0 * tf.reduce_sum(y_pred, axis=-1) + tf.random.normal(())
"""


@pytest.mark.parametrize("engine", ["compiled", "fit"])
def test_each_step_draws_anew_and_rows_are_judged_by_the_same_draws(make_plan, make_run, train_stages, engine):
    plan = replace(make_plan("regression", loss="mine.py:pure"), loss=SourceFunction("mine.py", "pure", PURE))
    curves = [train_stages(plan, make_run(seed=seed), engine, keep_going).curve for seed in (5, 6)]
    assert len({float(loss) for curve in curves for loss in curve.train_loss}) == 8
    assert len({float(loss) for curve in curves for loss in curve.validation_loss}) == 1
