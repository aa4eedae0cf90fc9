"""Layers in front of a model that do what happened to rows before."""

import subprocess
import sys

import numpy as np
import pytest

from search.models import with_ends
from search.techniques.row_steps import Scaling, Whitening

RNG = np.random.default_rng(0)
LOAD_AND_PREDICT = """
import sys
import numpy as np
sys.modules["search"] = None
import keras
np.save(sys.argv[3], keras.saving.load_model(sys.argv[1])(np.load(sys.argv[2])).numpy())
"""


def compiled(keras, shape):
    model = keras.Sequential(
        [keras.Input(shape), keras.layers.Flatten(), keras.layers.Dense(2, name="output")], name="net"
    )
    model.compile("sgd", loss="mean_squared_error")
    return model


@pytest.mark.parametrize("shape", [(6,), (3, 2)])
def test_rows_pass_every_step_before_the_model(keras, shape):
    model = compiled(keras, shape)
    scaling = Scaling(RNG.normal(size=6), RNG.uniform(1, 2, 6))
    rotation = Whitening(RNG.normal(size=6), RNG.normal(size=(6, 6)))
    rows = RNG.normal(size=(5, *shape)).astype(np.float32)
    scaled = (rows.reshape(5, 6) - scaling.mean) / scaling.deviation
    rotated = (scaled - rotation.mean) @ rotation.matrix
    expected = model(rotated.reshape(rows.shape)).numpy()
    whole = with_ends(model, [scaling, rotation], shape)
    np.testing.assert_allclose(whole(rows).numpy(), expected, rtol=1e-4, atol=1e-5)
    assert isinstance(whole.optimizer, keras.optimizers.SGD)
    assert whole.loss == "mean_squared_error"


def test_steps_do_not_train(keras):
    whole = with_ends(compiled(keras, (3,)), [Scaling(np.ones(3), np.ones(3)), Whitening(np.ones(3), np.eye(3))], (3,))
    assert [weight.name for weight in whole.trainable_weights] == ["kernel", "bias"]


def test_model_without_steps_is_the_model_itself(keras):
    model = compiled(keras, (3,))
    assert with_ends(model, [], (3,)) is model


def test_saved_model_needs_keras_alone(keras, tmp_path):
    whole = with_ends(
        compiled(keras, (3,)), [Scaling(np.ones(3), np.full(3, 2.0)), Whitening(np.ones(3), np.eye(3))], (3,)
    )
    whole.save(tmp_path / "whole.keras")
    rows = RNG.normal(size=(4, 3)).astype(np.float32)
    np.save(tmp_path / "rows.npy", rows)
    paths = [str(tmp_path / name) for name in ("whole.keras", "rows.npy", "predicted.npy")]
    subprocess.run([sys.executable, "-c", LOAD_AND_PREDICT, *paths], check=True, capture_output=True)
    predicted = np.load(tmp_path / "predicted.npy")
    np.testing.assert_allclose(predicted, whole(rows).numpy(), rtol=1e-5, atol=1e-6)


def test_small_differences_of_large_inputs_survive(keras):
    rows = (1000 + RNG.normal(scale=1e-2, size=(50, 3))).astype(np.float32)
    mean, matrix = rows.mean(axis=0, dtype=np.float64), np.diag([100.0, 100.0, 100.0])
    model = keras.Sequential([keras.Input((3,)), keras.layers.Activation("linear")])
    model.compile("sgd", "mean_squared_error")
    whole = with_ends(model, [Whitening(mean.astype(np.float32), matrix), Scaling(np.zeros(3), np.full(3, 1e-9))], (3,))
    expected = (rows - mean.astype(np.float32)) @ matrix / 1e-9
    np.testing.assert_allclose(whole(rows).numpy(), expected, rtol=1e-4)


def test_model_for_sequences_of_any_length_takes_those_that_it_was_trained_on(keras):
    model = keras.Sequential([keras.Input((None, 2)), keras.layers.LSTM(3), keras.layers.Dense(1)])
    model.compile("sgd", "mean_squared_error")
    whole = with_ends(model, [Scaling(np.ones((5, 2)), np.full((5, 2), 2.0))], (5, 2))
    rows = RNG.normal(size=(4, 5, 2)).astype(np.float32)
    np.testing.assert_allclose(whole(rows).numpy(), model((rows - 1) / 2).numpy(), rtol=1e-5)
