import inspect

import numpy as np
import pytest

from search.models import (
    ACTIVATIONS,
    OPTIMIZERS,
    build_model,
    describe_model,
    make_optimizer,
    regularize,
    render_source,
)
from search.spec import ModelSection, TrainingSection

TRAINING = TrainingSection(optimizer="rmsprop", learning_rate=0.02, epochs=7, batch_size=16)
NAMES = ("l1", "l2", "dropout", "output.l2")


def architecture(configuration, shape=(4,), task="binary", n_outputs=2, hidden=(5, 3)):
    section = ModelSection(family="mlp", hidden=hidden, activation="tanh")
    return regularize(describe_model(section, shape, n_outputs, task), configuration, NAMES)


def test_plain_model_has_neither_regularizers_nor_dropout(keras):
    model = build_model(architecture({}))
    assert [type(layer) for layer in model.layers] == [keras.layers.Dense] * 3
    assert all(layer.kernel_regularizer is None for layer in model.layers)
    assert model.losses == []


def test_penalties_are_the_sums_that_they_are_documented_as(keras):
    model = build_model(architecture({"l1": 0.5, "l2": 0.25, "output.l2": 2.0}))
    kernels = [model.get_layer(name).kernel.numpy() for name in ("dense_1", "dense_2", "output")]
    expected = [0.5 * np.abs(k).sum() + 0.25 * np.square(k).sum() for k in kernels[:2]]
    expected.append(2.0 * np.square(kernels[2]).sum())
    assert [float(loss) for loss in model.losses] == pytest.approx(expected, rel=1e-6)


def test_dropout_acts_while_training_only(keras):
    model = build_model(architecture({"dropout": 0.5}, hidden=(400,)))
    x = np.ones((1, 4), np.float32)
    hidden = keras.Model(model.inputs[0], model.get_layer("dropout_1").output)
    dropped, kept = np.asarray(hidden(x, training=True)), np.asarray(hidden(x, training=False))
    assert 0.35 < np.mean(dropped == 0) < 0.65
    np.testing.assert_allclose(dropped[dropped != 0], 2 * kept[dropped != 0], rtol=1e-6)


def test_activations_are_those_of_keras_that_keep_the_number_of_units(keras):
    known = {name for name, value in inspect.getmembers(keras.activations, inspect.isfunction)}
    assert known - {"get", "serialize", "deserialize"} == {*ACTIVATIONS, "glu", "threshold"}
    x = np.linspace(-1, 1, 6, dtype=np.float32).reshape(2, 3)
    assert {tuple(keras.activations.get(name)(x).shape) for name in ACTIVATIONS} == {(2, 3)}


def test_optimizers_are_those_of_keras_that_wrap_no_other(keras):
    known = {name for name, value in inspect.getmembers(keras.optimizers, inspect.isclass)}
    wrappers = {"Optimizer", "LossScaleOptimizer", "MultiOptimizer", "OptimizerMap"}
    assert known - wrappers == set(OPTIMIZERS.values())
    assert {name: class_name.lower() for name, class_name in OPTIMIZERS.items()} == {n: n for n in OPTIMIZERS}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_optimizer_takes_its_learning_rate_and_moves_the_weights(keras, name):
    optimizer = make_optimizer(TrainingSection(optimizer=name, learning_rate=0.125))
    assert type(optimizer).__name__ == OPTIMIZERS[name]
    assert float(optimizer.learning_rate) == 0.125
    model = build_model(architecture({}))
    before = model.get_weights()
    optimizer.apply([np.ones(w.shape, np.float32) for w in before], model.trainable_variables)
    after = model.get_weights()
    assert all(np.isfinite(w).all() for w in after)
    assert any((b != a).any() for b, a in zip(before, after, strict=True))


@pytest.mark.parametrize(
    ("configuration", "arguments"),
    [
        ({}, {}),
        ({"l1": 1e-5, "l2": 0.1, "dropout": 0.3, "output.l2": 0.01}, {}),
        ({"l1": 0.1}, {"hidden": (), "shape": (2, 3), "task": "multiclass", "n_outputs": 3}),
        ({"dropout": 0.2}, {"task": "regression", "n_outputs": 2}),
    ],
)
def test_rendered_file_makes_the_very_same_model(keras, configuration, arguments):
    described = architecture(configuration, **arguments)
    file = {"__name__": "rendered"}
    exec(render_source(described, TRAINING), file)
    start_anew(keras)
    rendered = file["build_model"]()
    start_anew(keras)
    model = build_model(described)
    model.compile(optimizer=make_optimizer(TRAINING), loss=described.loss)
    assert rendered.get_config() == model.get_config()
    assert rendered.get_compile_config() == model.get_compile_config()
    for ours, theirs in zip(model.get_weights(), rendered.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert (file["EPOCHS"], file["BATCH_SIZE"]) == (7, 16)


def test_rendered_file_opens_with_its_comment_and_imports_keras_only():
    lines = render_source(architecture({"l2": 0.1}), TRAINING, comment="Trial 4.\n\nBest of 60.").splitlines()
    assert lines[:5] == ["# Trial 4.", "#", "# Best of 60.", "", "import keras"]
    assert [line for line in lines if "import" in line] == ["import keras"]


@pytest.mark.parametrize(("task", "n_outputs"), [("binary", 1), ("multiclass", 3), ("regression", 2)])
def test_rendered_early_stopping_watches_the_loss_without_penalties(keras, task, n_outputs):
    file = {"__name__": "rendered"}
    exec(render_source(architecture({"l2": 10.0}, task=task, n_outputs=n_outputs), TRAINING, patience=2), file)
    model = file["build_model"]()
    random = np.random.default_rng(1)
    x = random.normal(size=(12, *model.input_shape[1:])).astype("float32")
    y = random.normal(size=(12, 2)) if task == "regression" else random.integers(0, n_outputs, 12)
    if task == "binary":
        y = random.integers(0, 2, 12).reshape(12, -1)
    fitted = model.fit(x, y, epochs=3, validation_data=(x, y), callbacks=[file["EARLY_STOPPING"]], verbose=0)
    watched = fitted.history[file["EARLY_STOPPING"].monitor]
    assert file["EARLY_STOPPING"].patience == 2
    assert watched[0] < fitted.history["val_loss"][0] - 1.0


def start_anew(keras):
    """Seed, and let Keras number the names that it gives from 1 again."""
    keras.utils.clear_session()
    keras.utils.set_random_seed(3)
