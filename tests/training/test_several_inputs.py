"""A model of several inputs trains as it does by Keras' own `fit`, in every engine."""

from dataclasses import replace

import numpy as np
import pytest

from search.data import Dataset, split_inputs
from search.models import read_saved
from search.records import Configuration
from search.training.engines import keep_going

INPUTS = (("numbers", (3,)), ("words", (4,)))
SPACE = ("l2", "hidden.dropout", "input_noise", "patience")
CONFIGURATIONS = {
    "off": {},
    "penalty and patience": {"l2": 0.01, "patience": 2},
    "noise": {"hidden.dropout": 0.3, "input_noise": 0.2, "l2": 0.01},
}


@pytest.fixture(scope="module")
def file(keras, tmp_path_factory):
    """A model of numbers and of words."""
    keras.utils.set_random_seed(4)
    layers = keras.layers
    numbers, words = keras.Input((3,), name="numbers"), keras.Input((4,), dtype="int32", name="words")
    told = layers.GlobalAveragePooling1D()(layers.Embedding(9, 2, mask_zero=True, name="embedding")(words))
    hidden = layers.Dense(6, "relu", name="hidden")(layers.Concatenate()([numbers, told]))
    model = keras.Model([numbers, words], layers.Dense(3, "softmax", name="predicted")(hidden), name="mine")
    path = tmp_path_factory.mktemp("models") / "mine.keras"
    model.save(path)
    return path


@pytest.fixture
def plan_of(file, make_plan):
    """A function that makes the plan of the model, whose rows hold both inputs."""

    def make(**training):
        given = {"keras": "mine.keras", "weights": "saved"}
        plan = make_plan("multiclass", shape=(7,), model=given, space=SPACE, **{"epochs": 6, **training})
        features = plan.dataset.features.copy()
        features[:, 3:] = np.random.default_rng(1).integers(0, 9, (60, 4))
        dataset = Dataset(features, plan.dataset.target, "multiclass", ("0", "1", "2"), False, "0", inputs=INPUTS)
        return replace(plan, dataset=dataset, saved=read_saved(file.read_bytes(), "mine.keras", keeps_weights=True))

    return make


@pytest.mark.parametrize("settings", CONFIGURATIONS.values(), ids=CONFIGURATIONS)
def test_engines_agree(plan_of, make_run, train_stages, settings):
    run = replace(make_run(), configuration=Configuration(settings))
    by_fit, *others = (train_stages(plan_of(), run, engine, keep_going) for engine in ("fit", "compiled", "graph"))
    for outcome in others:
        assert list(outcome.weights) == list(by_fit.weights)
        for path, values in outcome.weights.items():
            np.testing.assert_allclose(values, by_fit.weights[path], rtol=1e-3, atol=1e-4, err_msg=path)
        np.testing.assert_allclose(outcome.curve.validation_loss, by_fit.curve.validation_loss, rtol=1e-4)
        assert outcome.score == pytest.approx(by_fit.score, rel=1e-4)


def test_training_is_that_of_keras_alone(keras, file, plan_of, make_run, train_stages):
    """All rows in one batch, so that their order does not matter."""
    plan = plan_of(batch_size=64, learning_rate=0.05)
    outcome = train_stages(plan, make_run(), "compiled", keep_going)
    rows = np.union1d(plan.folds[0].train, plan.folds[0].stop)
    parts = split_inputs(plan.dataset.features[rows], INPUTS)
    model = keras.models.load_model(file)
    model.compile(keras.optimizers.Adam(0.05), "sparse_categorical_crossentropy")
    model.fit(list(parts.values()), plan.dataset.target[rows], batch_size=64, epochs=6, verbose=0)
    for layer in model.layers:
        for variable in layer.weights:
            mine = outcome.weights[f"{layer.name}/{variable.name}"]
            np.testing.assert_allclose(mine, variable.numpy(), rtol=1e-3, atol=1e-5)


def test_trained_model_predicts_the_validation_rows(plan_of, make_run, session):
    plan = plan_of(engine="compiled")
    predicted = session.predict_validation(plan, make_run())
    assert predicted.predicted.shape == (20, 3)
    result = session.train(plan, make_run())
    chosen = predicted.predicted[np.arange(20), plan.dataset.target[40:]]
    assert result.score == pytest.approx(-np.log(chosen).mean(), rel=1e-3)
