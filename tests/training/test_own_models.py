"""The user's model in every engine: branches, nested and shared layers, random layers and statistics of its own."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from search.data import Fold
from search.models import layers_by_path, read_saved
from search.records import Configuration
from search.training.engines import ENGINES, keep_going

INNER = "encoder/inner"
SPACE = ("l2", f"{INNER}.l2", f"{INNER}.dropout", "shared.batch_norm", "activity_l1", "max_norm", "weight_noise")
CONFIGURATIONS = {
    "off": {},
    "penalties": {"l2": 0.01, f"{INNER}.l2": 0.1, "max_norm": 0.5},
    "all": {"l2": 0.01, f"{INNER}.dropout": 0.3, "shared.batch_norm": 0.5, "activity_l1": 0.01, "weight_noise": 0.05},
}


@pytest.fixture(scope="module")
def saved(keras, tmp_path_factory):
    """Two branches, one through a nested model; a shared layer, and Keras' own dropout and normalization."""
    keras.utils.set_random_seed(9)
    layers = keras.layers
    inner = keras.Sequential(
        [keras.Input((5,)), layers.Dense(6, "relu", name="inner"), layers.Dropout(0.2, name="drop")], name="encoder"
    )
    rows = keras.Input((5,))
    left = layers.Dense(6, "relu", kernel_regularizer=keras.regularizers.L2(0.003), name="left")(rows)
    left = layers.BatchNormalization(momentum=0.7, name="norm")(left)
    shared = layers.Dense(4, "tanh", name="shared")
    joined = layers.Concatenate(name="joined")([shared(left), shared(inner(rows))])
    model = keras.Model(rows, layers.Dense(3, "softmax", name="predicted")(joined), name="mine")
    path = Path(tmp_path_factory.mktemp("models")) / "mine.keras"
    model.save(path)
    return path.read_bytes()


@pytest.fixture
def plan_of(saved, make_plan):
    """A function that makes the plan of the user's model."""

    def make(weights="fresh", **training):
        given = {"keras": "mine.keras", "weights": weights}
        plan = make_plan("multiclass", shape=(5,), model=given, space=SPACE, epochs=6, **training)
        return replace(plan, saved=read_saved(saved, "mine.keras", keeps_weights=weights == "saved"))

    return make


@pytest.fixture(scope="module")
def outcome_of(train_stages):
    """A function that trains a run with the engine of a name."""
    return lambda plan, run, engine: train_stages(plan, run, engine, keep_going)


@pytest.mark.parametrize("settings", CONFIGURATIONS.values(), ids=CONFIGURATIONS)
def test_engines_agree(plan_of, make_run, outcome_of, settings):
    run = replace(make_run(), configuration=Configuration(settings))
    by_fit = outcome_of(plan_of(), run, "fit")
    for engine in ("compiled", "graph"):
        outcome = outcome_of(plan_of(), run, engine)
        assert list(outcome.weights) == list(by_fit.weights)
        for path, values in outcome.weights.items():
            np.testing.assert_allclose(values, by_fit.weights[path], rtol=1e-3, atol=1e-4, err_msg=path)
        assert outcome.penalty == pytest.approx(by_fit.penalty, rel=1e-4)
        assert outcome.zero_shares == pytest.approx(by_fit.zero_shares, abs=1e-6)
        np.testing.assert_allclose(outcome.curve.train_loss, by_fit.curve.train_loss, rtol=1e-4)
        np.testing.assert_allclose(outcome.curve.validation_loss, by_fit.curve.validation_loss, rtol=1e-4)
    assert by_fit.penalty > 0  # its own penalty is there when ours is off
    assert sorted(by_fit.zero_shares) == [INNER, "left", "shared"]


@pytest.mark.parametrize("engine", ENGINES)
def test_run_repeats_itself(plan_of, make_run, outcome_of, engine):
    first, other, again = (outcome_of(plan_of(), make_run(seed), engine) for seed in (1, 2, 1))
    assert first.curve == again.curve != other.curve


@pytest.mark.parametrize("engine", ["graph", "fit"])
def test_training_goes_on_from_saved_weights(keras, saved, plan_of, make_run, outcome_of, engine, tmp_path):
    """With a learning rate of almost nothing they stay as they were saved."""
    (tmp_path / "mine.keras").write_bytes(saved)
    original = keras.models.load_model(tmp_path / "mine.keras")
    outcome = outcome_of(plan_of("saved", learning_rate=1e-12), make_run(), engine)
    kernel = layers_by_path(original)[INNER].kernel.numpy()
    np.testing.assert_allclose(outcome.weights[f"{INNER}/kernel"], kernel, atol=1e-6)
    fresh = outcome_of(plan_of(learning_rate=1e-12), make_run(), engine)
    assert np.abs(fresh.weights[f"{INNER}/kernel"] - kernel).max() > 0.01


def test_trained_model_is_theirs_with_the_techniques_in_it(keras, plan_of, make_run, session):
    run = replace(make_run(), configuration=Configuration(CONFIGURATIONS["all"]))
    plan = plan_of(engine="graph")
    model, result = session.train_model(plan, run), session.train(plan, run)
    layers = layers_by_path(model)
    assert type(layers["encoder/drop"]) is keras.layers.Dropout
    assert layers["left"].kernel_regularizer.l2 == pytest.approx(0.01)
    arrays_score = model.evaluate(plan.dataset.features[40:], plan.dataset.target[40:], verbose=0)
    model(plan.dataset.features[40:])
    assert arrays_score - float(sum(model.losses)) == pytest.approx(result.score, rel=1e-3)


@pytest.mark.parametrize("name", ["half", "switched off"])
def test_trained_model_has_the_numbers_of_the_configuration_in_place_of_its_own(
    keras, plan_of, make_run, session, tmp_path, name
):
    rate, penalty = {"half": (0.1, 0.0015), "switched off": (0.0, 0.0)}[name]
    numbers = {"encoder/drop.rate": rate, "left.l2": penalty}
    plan = plan_of(engine="graph")
    plan = replace(plan, spec=plan.spec.model_copy(update={"space": {**plan.spec.space, **dict.fromkeys(numbers)}}))
    run = replace(make_run(), configuration=Configuration(numbers))
    session.train_model(plan, run).save(tmp_path / "trained.keras")
    layers = layers_by_path(keras.saving.load_model(tmp_path / "trained.keras"))
    assert layers["encoder/drop"].rate == pytest.approx(rate)
    assert layers["left"].kernel_regularizer.l2 == pytest.approx(penalty)
    result, as_given = (session.train(plan, each) for each in (run, make_run()))
    assert result.score != as_given.score
    assert (result.penalty == 0) == (penalty == 0)


def _wrapped(keras, layers, rows):
    """Penalties on activations and moving averages, in layers that wrappers hold and in one that none does."""
    regularizers = keras.regularizers
    norms = layers.TimeDistributed(layers.BatchNormalization(momentum=0.7, name="norm"), name="norms")
    both = layers.Bidirectional(layers.SimpleRNN(3, activity_regularizer=regularizers.L1(0.1), name="rnn"), name="both")
    return layers.Dense(6, "tanh", activity_regularizer=regularizers.L2(1.0), name="penalized")(both(norms(rows)))


def _recurrent(keras, layers, rows):
    lstm = layers.LSTM(4, recurrent_dropout=0.3, dropout=0.2, name="lstm")
    return layers.Dense(5, "tanh", name="tanh")(layers.Bidirectional(lstm, name="both")(rows))


def _shared(keras, layers, rows):
    """Layers that draw noise or move averages in two branches, and one of the same name in another model."""
    drop, norm = layers.Dropout(0.3, name="drop"), layers.BatchNormalization(momentum=0.7, name="norm")
    inner = keras.Sequential([keras.Input((12,)), layers.Dropout(0.3, name="drop")], name="inner")
    flat = inner(layers.Flatten(name="flat")(rows))
    left, right = (norm(drop(layers.Dense(5, "tanh", name=f"{side}_1")(flat))) for side in ("left", "right"))
    sides = [layers.Dense(5, "tanh", name="left_2")(left), layers.Dense(5, "tanh", name="right_2")(right)]
    return layers.Concatenate(name="joined")(sides)


@pytest.fixture
def outcomes_of(keras, make_plan, make_run, outcome_of, tmp_path):
    """A function that trains layers with some engines, all off, on 34 rows: the last of 5 batches of 8 holds 2."""

    def train(make, space, engines):
        keras.utils.set_random_seed(4)
        rows = keras.Input((4, 3))
        scores = keras.layers.Dense(3, "softmax", name="out")(make(keras, keras.layers, rows))
        keras.Model(rows, scores).save(tmp_path / "mine.keras")
        plan = make_plan("multiclass", shape=(4, 3), model={"keras": "mine.keras"}, space=space, epochs=6)
        numbers = np.arange(60)
        folds = (Fold(0, numbers[:34], numbers[34:44], numbers[44:]),)
        saved = read_saved((tmp_path / "mine.keras").read_bytes(), "mine.keras", keeps_weights=False)
        plan = replace(plan, saved=saved, folds=folds)
        return {engine: outcome_of(plan, make_run(), engine) for engine in engines}

    return train


@pytest.mark.parametrize(
    ("make", "name", "programs"),
    [
        (_wrapped, "l2", ("compiled", "graph")),
        (_recurrent, "l2", ("compiled",)),
        # With these slots one branch is longer in programs, all of which trace the same, than it is in `fit`.
        (_shared, "left_2.dropout", ("graph",)),
        (_shared, "right_2.layer_norm", ("graph",)),
    ],
)
def test_engines_agree_on_layers_of_their_own_where_a_batch_is_not_full(outcomes_of, make, name, programs):
    by_fit, *others = outcomes_of(make, (name,), ("fit", *programs)).values()
    for outcome in others:
        assert outcome.weights.keys() == by_fit.weights.keys()
        for path, values in outcome.weights.items():
            np.testing.assert_allclose(values, by_fit.weights[path], rtol=1e-3, atol=1e-4, err_msg=path)
        np.testing.assert_allclose(outcome.curve.train_loss, by_fit.curve.train_loss, rtol=1e-4)
        np.testing.assert_allclose(outcome.curve.validation_loss, by_fit.curve.validation_loss, rtol=1e-4)
