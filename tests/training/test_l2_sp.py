"""Weights are held near those of the user's file: in every engine, in both phases, and as a plain loop would do it."""

from dataclasses import replace

import numpy as np
import pytest

from search.models import read_saved
from search.records import Configuration, Run
from search.training.engines import keep_going

SPACE = ("l2_sp", "l2")
EPOCHS = 6


@pytest.fixture(scope="module")
def file(keras, tmp_path_factory):
    """A net in a file: a frozen convolution, a layer that trains, and one that predicts."""
    layers = keras.layers
    keras.utils.set_random_seed(4)
    net = keras.Sequential(
        [
            keras.Input((6, 6, 1)),
            layers.Conv2D(3, 3, activation="relu", trainable=False, name="conv"),
            layers.Flatten(),
            layers.Dense(5, "tanh", name="hidden"),
            layers.Dense(3, "softmax", name="answer"),
        ]
    )
    path = tmp_path_factory.mktemp("nets") / "net.keras"
    net.save(path)
    return path


@pytest.fixture
def plan_of(make_plan, file):
    """A function that makes a plan of the net, whose rows all stand in one batch."""

    def make(weights="saved", **training):
        model = {"keras": "net.keras", "weights": weights}
        settings = {"epochs": EPOCHS, "batch_size": 64, "learning_rate": 0.02, **training}
        plan = make_plan("multiclass", shape=(6, 6, 1), model=model, space=SPACE, **settings)
        return replace(plan, saved=read_saved(file.read_bytes(), "net.keras", keeps_weights=weights == "saved"))

    return make


def run_of(**settings):
    return Run(0, 0, 0, seed=3, configuration=Configuration(settings))


def trained_plainly(keras, file, plan, phases, held, coefficient):
    """The model of the file, trained by a loop over its only batch."""
    import tensorflow as tf

    model = keras.models.load_model(file)
    begun = {name: tf.identity(model.get_layer(name).kernel) for name in ("conv", "hidden")}
    rows = np.union1d(plan.folds[0].train, plan.folds[0].stop)
    x, y = plan.dataset.features[rows], plan.dataset.target[rows]
    cross_entropy = keras.losses.SparseCategoricalCrossentropy()
    for rate, epochs in phases:
        optimizer = keras.optimizers.Adam(rate)
        for _ in range(epochs):
            with tf.GradientTape() as tape:
                loss = cross_entropy(y, model(x, training=True))
                for name in held:
                    kernel = model.get_layer(name).kernel
                    loss += coefficient * tf.reduce_sum((kernel - begun[name]) ** 2) if kernel.trainable else 0.0
            variables = model.trainable_variables
            optimizer.apply(tape.gradient(loss, [v.value for v in variables]), variables)
        model.get_layer("conv").trainable = True
    return model


@pytest.mark.parametrize("engine", ["compiled", "graph", "fit"])
def test_trains_as_a_plain_loop_does(keras, file, plan_of, train_stages, engine):
    plan = plan_of()
    outcome = train_stages(plan, run_of(l2_sp=0.3), engine, keep_going)
    theirs = trained_plainly(keras, file, plan, [(0.02, EPOCHS)], ["hidden"], 0.3)
    for path, values in outcome.weights.items():
        layer, weight = path.split("/")
        expected = next(each for each in theirs.get_layer(layer).weights if each.name == weight)
        np.testing.assert_allclose(values, expected.numpy(), rtol=1e-4, atol=1e-5, err_msg=path)
    begun = keras.models.load_model(file).get_layer("hidden").kernel.numpy()
    moved = np.sum((outcome.weights["hidden/kernel"] - begun) ** 2)
    assert outcome.penalty == pytest.approx(0.3 * moved, rel=1e-3)
    free = train_stages(plan, run_of(), engine, keep_going)
    assert np.sum((free.weights["hidden/kernel"] - begun) ** 2) > 2 * moved


@pytest.mark.parametrize("engine", ["compiled", "graph", "fit"])
def test_thawed_layers_are_held_and_those_begun_anew_are_not(keras, file, plan_of, train_stages, engine):
    phase = {"layers": ["conv"], "learning_rate": 0.02, "epochs": 5}
    plan = plan_of("fresh", unfreeze=phase)
    begun = keras.models.load_model(file).get_layer("conv").kernel.numpy()
    held, free = (train_stages(plan, run_of(**each), engine, keep_going) for each in ({"l2_sp": 5.0}, {}))
    distances = [np.sum((each.weights["conv/kernel"] - begun) ** 2) for each in (held, free)]
    assert 0 < 4 * distances[0] < distances[1]
    assert held.penalty == pytest.approx(5.0 * distances[0], rel=1e-3)  # of nothing else


def test_second_phase_is_that_of_a_plain_loop(keras, file, plan_of, train_stages):
    plan = plan_of(unfreeze={"layers": ["conv"], "learning_rate": 0.01, "epochs": 5})
    outcome = train_stages(plan, run_of(l2_sp=0.5), "compiled", keep_going)
    theirs = trained_plainly(keras, file, plan, [(0.02, EPOCHS), (0.01, 5)], ["hidden", "conv"], 0.5)
    for name in ("conv", "hidden"):
        expected = theirs.get_layer(name).kernel.numpy()
        np.testing.assert_allclose(outcome.weights[f"{name}/kernel"], expected, rtol=2e-3, atol=1e-4)


def test_lanes_hold_them_too(keras, plan_of, engines, make_job):
    plan = plan_of()
    jobs = [make_job(plan, run_of(**each)) for each in ({}, {"l2_sp": 0.3}, {"l2_sp": 0.01, "l2": 0.1})]
    outcomes = engines["lanes"].train_together(jobs, [keep_going] * 3)
    for job, outcome in zip(jobs, outcomes, strict=True):
        alone = engines["compiled"].train(job)
        assert outcome.score == pytest.approx(alone.score, rel=1e-4)
        assert outcome.penalty == pytest.approx(alone.penalty, rel=1e-4)
