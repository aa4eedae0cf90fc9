"""A model that is compiled is trained as it is compiled: every engine against plain Keras."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import special
from sklearn import metrics as reference

from search.models import read_saved
from search.preparation.resolving import resolve_study
from search.training import TrainingPlan
from search.training.engines import ENGINES
from search.training.engines._initial import draw_initial_weights
from search.training.engines._orders import EpochOrders, epochs_in_block

CASES = {
    "focal loss, momentum, cosine": (
        "binary",
        ("tanh", 1, "sigmoid"),
        lambda k: (
            k.optimizers.SGD(k.optimizers.schedules.CosineDecay(0.1, 15), momentum=0.9, nesterov=True),
            k.losses.BinaryFocalCrossentropy(gamma=3, apply_class_balancing=True),
        ),
    ),
    "logits, clipped": (
        "binary",
        ("tanh", 1, None),
        lambda k: (k.optimizers.Adam(0.01, clipnorm=0.1), k.losses.BinaryCrossentropy(from_logits=True)),
    ),
    "logits of classes, decayed": (
        "multiclass",
        ("tanh", 3, None),
        lambda k: (
            k.optimizers.AdamW(0.01, weight_decay=0.1),
            k.losses.SparseCategoricalCrossentropy(from_logits=True),
        ),
    ),
    "categorical focal loss": (
        "multiclass",
        ("tanh", 3, "softmax"),
        lambda k: (k.optimizers.Adam(0.01, beta_1=0.8, amsgrad=True), k.losses.CategoricalFocalCrossentropy(alpha=0.5)),
    ),
    "hinge": ("binary", ("tanh", 1, "tanh"), lambda k: (k.optimizers.SGD(0.05), "hinge")),
    "squared errors of classes": ("multiclass", ("tanh", 3, "softmax"), lambda k: (k.optimizers.SGD(0.2), "mse")),
    "huber, weighted": (
        "regression",
        ("tanh", 1, None),
        lambda k: (
            k.optimizers.RMSprop(k.optimizers.schedules.PiecewiseConstantDecay([5, 10], [0.02, 0.01, 0.001])),
            "huber",
        ),
    ),
}
WEIGHTS = {"huber, weighted": [0.5]}


@pytest.fixture
def compiled_of(keras, make_plan, make_run, make_job, tmp_path):
    """A function: the model of a case as it was compiled, and its job; `metrics` are compiled in, `plan` is kept."""

    def make(case):
        task, (hidden, units, activation), compile_with = CASES[case]
        keras.utils.set_random_seed(3)
        layers = [keras.layers.Dense(6, hidden, name="hidden"), keras.layers.Dense(units, activation, name="out")]
        model = keras.Sequential([keras.Input((4,)), *layers])
        optimizer, loss = compile_with(keras)
        model.compile(optimizer, loss, loss_weights=WEIGHTS.get(case), metrics=make.metrics)
        model.save(tmp_path / "net.keras")
        saved = read_saved((tmp_path / "net.keras").read_bytes(), "net.keras")
        plan = make_plan(task, model={"keras": "net.keras"}, epochs=5)
        training = type(plan.spec.training)(epochs=5, batch_size=8)  # nothing of what the model tells
        spec, _ = resolve_study(plan.spec.model_copy(update={"training": training}), plan.dataset, saved, lambda *k: "")
        make.plan = TrainingPlan(plan.dataset, plan.folds, spec, plan.metric, saved)
        return model, make_job(make.plan, make_run())

    make.metrics = None
    return make


# What one engine trains of a loss and an optimizer all of them do; programs of XLA are held against plain Keras where
# each task, each kind of schedule and each of the optimizers' own limits is met first.
IN_EVERY_ENGINE = {
    "focal loss, momentum, cosine",
    "logits, clipped",
    "logits of classes, decayed",
    "huber, weighted",
}


@pytest.mark.parametrize("case", CASES)
def test_every_engine_trains_what_plain_keras_trains(compiled_of, engines, case):
    model, job = compiled_of(case)
    for path, values in draw_initial_weights(job).items():
        layer, _, name = path.partition("/")
        next(v for v in model.get_layer(layer).weights if v.name == name).assign(values)
    train, validation, losses = job.arrays.train, job.arrays.validation, []
    one_hot = job.plain.loss.form == "one_hot"
    y, y_validation = (np.eye(3, dtype=np.float32)[part.y] if one_hot else part.y for part in (train, validation))
    for order in EpochOrders(job.seed, len(train), epochs_in_block(len(train))).block(0)[:5]:
        model.fit(train.array[order], y[order], batch_size=8, shuffle=False, verbose=0)
        losses.append(model.evaluate(validation.array, y_validation, verbose=0))
    for name in ENGINES if case in IN_EVERY_ENGINE else ("graph", "fit"):
        outcome = engines[name].train(job)
        for path, values in outcome.weights.items():
            layer, _, variable = path.partition("/")
            theirs = next(v for v in model.get_layer(layer).weights if v.name == variable).numpy()
            np.testing.assert_allclose(values, theirs, rtol=1e-3, atol=2e-5, err_msg=f"{name} {path}")
        np.testing.assert_allclose(outcome.curve.validation_loss, losses, rtol=1e-3, atol=1e-6, err_msg=name)


@pytest.mark.parametrize("case", [case for case, (task, *_) in CASES.items() if task != "regression"])
def test_score_is_that_of_probabilities(keras, compiled_of, engines, case):
    model, job = compiled_of(case)
    outcome = engines["graph"].train(job)
    for path, values in outcome.weights.items():
        layer, _, name = path.partition("/")
        next(v for v in model.get_layer(layer).weights if v.name == name).assign(values)
    outputs = model.predict(job.arrays.validation.array, verbose=0)
    to_probabilities = {
        "logits, clipped": lambda logits: 1 / (1 + np.exp(-logits)),
        "logits of classes, decayed": lambda logits: special.softmax(logits, axis=1),
        "hinge": lambda margins: (1 + margins) / 2,
    }
    probabilities = to_probabilities.get(case, lambda given: given)(outputs)
    if probabilities.shape[1] == 1:
        probabilities = np.hstack([1 - probabilities, probabilities])
    truth = job.arrays.validation.y
    assert outcome.score == pytest.approx(reference.log_loss(truth, probabilities), rel=1e-4)
    assert outcome.curve.validation_metric[-1] == pytest.approx(outcome.score, rel=1e-4)


def test_learning_rate_that_a_schedule_begins_at_is_a_value_of_the_program(compiled_of, engines):
    _, job = compiled_of("focal loss, momentum, cosine")
    before = engines["graph"].n_compilations
    first, second = (
        engines["graph"].train(replace(job, training=job.training.model_copy(update={"learning_rate": rate})))
        for rate in (0.1, 0.5)
    )
    assert engines["graph"].n_compilations <= before + 1
    assert first.curve != second.curve
    assert first.curve == engines["graph"].train(job).curve


def test_trained_model_is_compiled_as_it_was_given(keras, compiled_of, make_run, session):
    compiled_of.metrics = ["accuracy", keras.metrics.AUC(name="area")]
    compiled_of("focal loss, momentum, cosine")
    plan = compiled_of.plan
    model = session.train_model(plan, make_run())
    optimizer = model.optimizer.get_config()
    assert (optimizer["momentum"], optimizer["nesterov"]) == (0.9, True)
    assert optimizer["learning_rate"]["class_name"] == "CosineDecay"
    assert (model.loss.gamma, model.loss.apply_class_balancing) == (3, True)
    told = model.evaluate(plan.dataset.features, plan.dataset.target, verbose=0, return_dict=True)
    assert sorted(told) == ["accuracy", "area", "loss"]
