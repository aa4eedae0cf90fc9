"""Outputs beside the study's train as they do by Keras' own `fit`, in every engine."""

from dataclasses import replace

import numpy as np
import pytest

from search.data import Dataset, FurtherTarget
from search.models import read_saved
from search.records import Configuration, Run
from search.training.engines import keep_going

SPACE = ("l2", "patience", "mixup", "auxiliary_weight", "label_smoothing")
CONFIGURATIONS = {
    "off": {},
    "penalty and patience": {"l2": 0.01, "patience": 2},
    "mixed rows": {"mixup": 0.4, "label_smoothing": 0.1},
    "weighed otherwise": {"auxiliary_weight": 2.0, "l2": 0.01},
}
WEIGHTS = {"kind": 1.0, "size": 0.3, "sign": 0.5}


def outputs_of(keras, hidden):
    layers = keras.layers
    return {
        "size": layers.Dense(1, name="size")(layers.Dense(4, "relu", name="side")(hidden)),
        "kind": layers.Dense(3, "softmax", name="kind")(hidden),
        "sign": layers.Dense(1, "sigmoid", name="sign")(hidden),
    }


def compile_it(keras, model, rate=0.05):
    losses = {"kind": "sparse_categorical_crossentropy", "size": "mae", "sign": "binary_crossentropy"}
    model.compile(keras.optimizers.Adam(rate), loss=losses, loss_weights=WEIGHTS)


ENGINES = {"list": ("fit", "lanes"), "dictionary": ("compiled", "graph")}
"""How a model gives its outputs, which no engine sees, and the engines that score such a one."""


@pytest.fixture(scope="module", params=ENGINES)
def file(request, keras, tmp_path_factory):
    """A model of three outputs, of which the study's is the second."""
    keras.utils.set_random_seed(4)
    rows = keras.Input((4,))
    outputs = outputs_of(keras, keras.layers.Dense(6, "tanh", name="hidden")(rows))
    model = keras.Model(rows, outputs if request.param == "dictionary" else list(outputs.values()), name="mine")
    compile_it(keras, model)
    path = tmp_path_factory.mktemp(request.param) / "mine.keras"
    model.save(path)
    return path


@pytest.fixture
def scoring_engines(request, file):
    """The engines of `ENGINES` that score this model."""
    return ENGINES[request.node.callspec.params["file"]]


@pytest.fixture
def plan_of(file, make_plan):
    """A function that makes the plan of the model."""

    def make(weighted=False, **training):
        given = {"keras": "mine.keras", "weights": "saved"}
        plan = make_plan("multiclass", model=given, space=SPACE, **{"epochs": 6, **training})
        features = plan.dataset.features
        further = (
            FurtherTarget("size", features.sum(axis=1).astype(np.float64), "regression"),
            FurtherTarget("sign", (features[:, 0] > 0).astype(np.int64), "binary", ("no", "yes")),
        )
        weight = np.random.default_rng(3).uniform(0.2, 2, 60).astype(np.float32) if weighted else None
        kinds = ("0", "1", "2")
        told = {"output": "kind", "further": further, "weight": weight}
        dataset = Dataset(features, plan.dataset.target, "multiclass", kinds, False, "0", **told)
        return replace(plan, dataset=dataset, saved=read_saved(file.read_bytes(), "mine.keras", keeps_weights=True))

    return make


def assert_agree(outcome, expected):
    assert list(outcome.weights) == list(expected.weights)
    for path, values in outcome.weights.items():
        np.testing.assert_allclose(values, expected.weights[path], rtol=1e-3, atol=1e-4, err_msg=path)
    np.testing.assert_allclose(outcome.curve.validation_loss, expected.curve.validation_loss, rtol=1e-4)
    np.testing.assert_allclose(outcome.curve.train_loss, expected.curve.train_loss, rtol=1e-4)
    assert outcome.score == pytest.approx(expected.score, rel=1e-4)


@pytest.mark.parametrize("settings", CONFIGURATIONS.values(), ids=CONFIGURATIONS)
def test_engines_agree(plan_of, make_run, train_stages, settings):
    run = replace(make_run(), configuration=Configuration(settings))
    by_fit, *others = (train_stages(plan_of(), run, engine, keep_going) for engine in ("fit", "compiled", "graph"))
    assert by_fit.predicted.shape == (20, 3)
    for outcome in others:
        assert_agree(outcome, by_fit)


@pytest.mark.parametrize("file", ["list"], indirect=True)
def test_lanes_agree(keras, plan_of, engines, make_job):
    plan = plan_of()
    jobs = [make_job(plan, Run(0, 0, 0, 5, Configuration(each))) for each in CONFIGURATIONS.values()]
    for job, outcome in zip(jobs, engines["lanes"].train_together(jobs, [keep_going] * len(jobs)), strict=True):
        assert_agree(outcome, engines["compiled"].train(job))


@pytest.mark.parametrize(("file", "weighted"), [("list", True), ("dictionary", False)], indirect=["file"])
def test_training_is_that_of_keras_alone(keras, file, plan_of, make_run, train_stages, weighted):
    """All rows in one batch, so that their order does not matter."""
    plan = plan_of(weighted, batch_size=64, learning_rate=0.05)
    outcome = train_stages(plan, make_run(), "compiled", keep_going)
    rows = np.union1d(plan.folds[0].train, plan.folds[0].stop)
    model, dataset = keras.models.load_model(file, compile=False), plan.dataset
    compile_it(keras, model)
    y = {"kind": dataset.target[rows], **{each.name: each.values[rows] for each in dataset.further}}
    if not isinstance(model.output, dict):
        y = [y[name] for name in model.output_names]
    weight = dataset.weight[rows] if weighted else None
    if weighted:
        weight = dict.fromkeys(y, weight) if isinstance(y, dict) else [weight] * len(y)
    model.fit(dataset.features[rows], y, sample_weight=weight, batch_size=64, epochs=6, verbose=0)
    for layer in model.layers:
        for variable in layer.weights:
            mine = outcome.weights[f"{layer.name}/{variable.name}"]
            np.testing.assert_allclose(mine, variable.numpy(), rtol=1e-3, atol=1e-5, err_msg=variable.path)
    assert "side/kernel" in outcome.weights


def test_loss_weights_of_the_study_take_the_place_of_the_models(plan_of, make_run, train_stages):
    as_compiled, alike, others = (
        train_stages(plan_of(loss_weights=weights), make_run(), "graph", keep_going)
        for weights in (None, WEIGHTS, {"size": 0.0, "sign": 0.0})
    )
    assert_agree(alike, as_compiled)
    begun = plan_of().saved
    assert begun.keeps_weights
    zero = train_stages(plan_of(loss_weights={"size": 0.0, "sign": 0.0}, epochs=1), make_run(), "graph", keep_going)
    np.testing.assert_array_equal(others.weights["side/kernel"], zero.weights["side/kernel"])  # which never trained
    assert np.abs(as_compiled.weights["side/kernel"] - zero.weights["side/kernel"]).max() > 1e-3


def test_trained_model_gives_every_output_the_studys_first(plan_of, make_run, session):
    plan = plan_of(engine="compiled")
    model, result = session.train_model(plan, make_run()), session.train(plan, make_run())
    kind, size, sign = (np.asarray(each) for each in model(plan.dataset.features[40:]))
    assert (kind.shape, size.shape, sign.shape) == ((20, 3), (20, 1), (20, 1))
    assert result.score == pytest.approx(-np.log(kind[np.arange(20), plan.dataset.target[40:]]).mean(), rel=1e-3)
    assert ((sign[:, 0] > 0.5) == plan.dataset.further[1].values[40:]).mean() > 0.6
    predicted = session.predict_validation(plan, make_run()).predicted
    np.testing.assert_allclose(predicted, kind, rtol=1e-5)
    np.testing.assert_allclose(session.predict(plan, [make_run()], plan.dataset.take([41])), kind[1:2], rtol=1e-5)
    assert [(each.name, each.classes) for each in session.beside(plan, make_run())] == [
        ("size", ()),
        ("sign", ("no", "yes")),
    ]


@pytest.fixture
def summed(plan_of):
    """A plan whose score is of several outputs, and the weights of these."""
    weights = {"kind": 1.0, "size": 0.2, "sign": 0.5}

    def make(**training):
        plan = plan_of(**training)
        objective = plan.spec.objective.model_copy(update={"outputs": weights})
        return replace(plan, spec=plan.spec.model_copy(update={"objective": objective}))

    return make, weights


def scored_by_hand(plan, outputs, weights):
    """The sum of what scikit-learn says of the validation rows."""
    from sklearn.metrics import log_loss, mean_squared_error

    kind, size, sign = (np.asarray(each, np.float64) for each in outputs)
    kind /= kind.sum(axis=1, keepdims=True)  # to float64
    sizes, signs = (each.values[40:] for each in plan.dataset.further)
    return (
        weights["kind"] * log_loss(plan.dataset.target[40:], kind, labels=[0, 1, 2])
        + weights["size"] * mean_squared_error(sizes, size[:, 0])
        + weights["sign"] * log_loss(signs, sign[:, 0], labels=[0, 1])
    )


def test_score_is_the_weighted_sum_of_what_the_outputs_score(summed, make_run, session, scoring_engines):
    make, weights = summed
    for engine in scoring_engines:
        plan = make(engine=engine)
        outputs = session.train_model(plan, make_run())(plan.dataset.features[40:])
        (result,) = (
            session.train_together(plan, [make_run()]) if engine == "lanes" else [session.train(plan, make_run())]
        )
        assert result.error is None
        assert result.score == pytest.approx(scored_by_hand(plan, outputs, weights), rel=1e-4)
        assert result.predictions.values.shape == (20, 3 + 1 + 2)
        predicted = session.predict(plan, [make_run()], plan.dataset.take(np.arange(40, 60)))
        target = plan.scoring.target_of(plan.dataset.take(np.arange(40, 60)))
        assert plan.scoring.score(target, predicted) == pytest.approx(result.score, rel=1e-5)
        assert plan.scoring.row_scores(target, predicted).mean() == pytest.approx(result.score, rel=1e-5)


def test_guess_of_several_outputs_is_the_best_of_each(summed):
    make, weights = summed
    plan = make()
    target = plan.scoring.target_of(plan.dataset)
    guess = plan.scoring.constant(target, 3)
    shares = np.bincount(plan.dataset.target) / 60
    positive = plan.dataset.further[1].values.mean()
    size = plan.dataset.further[0].values
    np.testing.assert_allclose(guess, [*shares, size.mean(), 1 - positive, positive], rtol=1e-6)
    entropy = -(shares * np.log(shares)).sum()
    of_sign = -(positive * np.log(positive) + (1 - positive) * np.log(1 - positive))
    expected = entropy + weights["size"] * size.var() + weights["sign"] * of_sign
    assert plan.scoring.score(target, guess) == pytest.approx(expected, rel=1e-6)
