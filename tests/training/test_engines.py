"""What every engine promises; and that `fit` is the plain Keras program."""

import subprocess
import sys

import numpy as np
import pytest

from search.training.engines import ENGINES
from search.training.engines._orders import EpochOrders, epochs_in_block

CONFIGURATIONS = [
    {},
    {"l2": 0.01},
    {"l1": 0.003, "l2": 0.01, "output_l2": 0.02},
    {"dropout": 0.3},
    {"l2": 0.01, "dropout": 0.3, "patience": 50},
]


@pytest.fixture(params=ENGINES)
def engine(request, engines):
    return engines[request.param]


def train(engine, job):
    return engine.train(job)


def orders(job):
    """The order of the rows in each epoch."""
    n_rows = len(job.arrays.train.array)
    return EpochOrders(job.seed, n_rows, epochs_in_block(n_rows)).block(0)[: job.training.epochs]


def assert_same_weights(weights, others):
    assert list(weights) == list(others)
    for path, values in weights.items():
        np.testing.assert_array_equal(values, others[path], err_msg=path)


def plain_program(keras, job):
    """What a user writes who has never heard of us; the weights that `fit` leaves."""
    keras.utils.set_random_seed(job.seed)
    layers = [
        keras.layers.Dense(part.arguments["units"], activation=part.arguments["activation"], name=part.name)
        for part in job.plain.layers
    ]
    model = keras.Sequential([keras.layers.Input(job.plain.input_shape), *layers])
    model.compile(keras.optimizers.Adam(job.training.learning_rate), **job.plain.loss.compile_arguments())
    for order in orders(job):
        model.fit(
            job.arrays.train.array[order],
            job.arrays.train.y[order],
            batch_size=job.training.batch_size,
            shuffle=False,
            verbose=0,
        )
    return {f"{layer.name}/{v.name}": v.numpy() for layer in model.layers for v in layer.weights}


@pytest.mark.parametrize(
    ("seed", "arguments"),
    [
        (1, {}),
        (2, {"hidden": (7, 5), "batch_size": 32}),
        (3, {"hidden": (), "batch_size": 10}),
        (4, {"task": "multiclass", "batch_size": 100}),
        (6, {"task": "regression", "n_targets": 2}),
    ],
)
def test_everything_off_is_the_plain_keras_program_bit_for_bit(
    keras, make_plan, make_run, seed, arguments, engines, make_job
):
    job = make_job(make_plan(**arguments), make_run(seed))
    assert_same_weights(train(engines["fit"], job).weights, plain_program(keras, job))


@pytest.mark.parametrize("settings", [{}, {"dropout": 0.3}], ids=["steps of Keras", "steps of our own"])
def test_fit_leaves_no_rewritten_functions_in_the_temporary_folder(
    keras, make_plan, make_run, settings, engines, make_job, monkeypatch
):
    from tensorflow.python.autograph.impl import api

    rewritten, convert = [], api._convert_actual
    monkeypatch.setattr(
        api, "_convert_actual", lambda function, *rest: rewritten.append(function) or convert(function, *rest)
    )
    train(engines["fit"], make_job(make_plan(epochs=1), make_run(**settings)))
    assert rewritten == []


PLAIN_PROGRAM = """
import sys
import keras, numpy as np
data = np.load(sys.argv[1])
keras.utils.set_random_seed(11)
model = keras.Sequential([
    keras.layers.Input((12,)),
    keras.layers.Dense(120, activation="relu"),
    keras.layers.Dense(40, activation="relu"),
    keras.layers.Dense(3, activation="softmax"),
])
model.compile(optimizer="adam", loss="sparse_categorical_crossentropy")
for order in data["orders"]:
    model.fit(data["x"][order], data["y"][order], shuffle=False, batch_size=8, verbose=0)
np.savez(sys.argv[2], *model.get_weights())
"""


def test_everything_off_is_the_plain_program_of_a_process_that_never_heard_of_us(
    keras, make_plan, make_run, tmp_path, engines, make_job
):
    """Neither threads nor switches of TensorFlow that a worker sets may be seen in the weights."""
    plan = make_plan("multiclass", shape=(12,), hidden=(120, 40), epochs=6, learning_rate=0.001)
    job = make_job(plan, make_run(11))
    np.savez(tmp_path / "data.npz", x=job.arrays.train.array, y=job.arrays.train.y, orders=orders(job))
    paths = [str(tmp_path / name) for name in ("data.npz", "weights.npz")]
    subprocess.run([sys.executable, "-c", PLAIN_PROGRAM, *paths], check=True, capture_output=True)
    theirs = np.load(tmp_path / "weights.npz")
    for ours, name in zip(train(engines["fit"], job).weights.values(), theirs.files, strict=True):
        np.testing.assert_array_equal(ours, theirs[name])


@pytest.mark.parametrize("settings", [CONFIGURATIONS[0], CONFIGURATIONS[-1]])
def test_same_job_gives_the_same_outcome(engine, make_plan, make_run, settings, make_job):
    plan = make_plan()
    first = train(engine, make_job(plan, make_run(**settings)))
    train(engine, make_job(plan, make_run(8, dropout=0.5)))
    second = train(engine, make_job(plan, make_run(**settings)))
    assert_same_weights(first.weights, second.weights)
    assert (first.curve, first.penalty) == (second.curve, second.penalty)


def test_seed_changes_the_outcome(engine, make_plan, make_run, make_job):
    first, second = (train(engine, make_job(make_plan(), make_run(seed))) for seed in (1, 2))
    assert first.curve != second.curve


@pytest.mark.parametrize("settings", CONFIGURATIONS)
def test_initial_weights_depend_on_the_seed_alone(keras, make_plan, make_run, settings, make_job):
    from search.training.engines._initial import draw_initial_weights, initial_model

    def initial(run):
        job = make_job(make_plan(hidden=(6, 5)), run)
        model = initial_model(job, draw_initial_weights(job))
        return {f"{x.name}/{v.name}": v.numpy() for x in model.layers for v in x.trainable_weights}

    assert_same_weights(initial(make_run(**settings)), initial(make_run()))


@pytest.mark.parametrize(
    ("name", "task"),
    [("compiled", "binary"), ("graph", "multiclass"), ("fit", "regression"), ("compiled", "regression")],
)
def test_validation_loss_of_keras_minus_ours_is_the_penalty(keras, engines, make_plan, make_run, name, task, make_job):
    from search.models import build_model

    engine, job = engines[name], make_job(make_plan(task), make_run(l1=0.01, l2=0.02, output_l2=0.03, dropout=0.2))
    outcome = train(engine, job)
    model = build_model(job.regularized)
    for layer in model.layers:
        layer.set_weights([outcome.weights[f"{layer.name}/{v.name}"] for v in layer.trainable_weights])
    model.compile(**job.plain.loss.compile_arguments())
    theirs = model.evaluate(job.arrays.validation.array, job.arrays.validation.y, verbose=0)
    assert outcome.penalty > 0.01
    assert theirs - outcome.curve.validation_loss[-1] == pytest.approx(outcome.penalty, abs=1e-5)


def test_train_loss_is_that_of_keras_without_the_penalty(engine, make_plan, make_run, make_job):
    """With a learning rate of almost nothing the weights stay, so that the loss can be worked out."""
    plan = make_plan("regression", learning_rate=1e-12, batch_size=30, epochs=1)
    plain, penalized = (train(engine, make_job(plan, make_run(**s))) for s in ({}, {"l2": 10.0}))
    assert penalized.penalty > 1
    assert penalized.curve.train_loss == pytest.approx(plain.curve.train_loss, rel=1e-6)


@pytest.mark.parametrize("settings", [{}, {"l2": 0.1}])
def test_without_patience_all_epochs_train_and_the_last_one_is_kept(engine, make_plan, make_run, settings, make_job):
    outcome = train(engine, make_job(make_plan(epochs=5), make_run(**settings)))
    assert outcome.best_epoch == len(outcome.curve.train_loss) == 5
    assert len(outcome.curve.stop_loss) == 0


def test_patience_stops_on_the_stop_rows_and_keeps_the_best_epoch(engine, make_plan, make_run, make_job):
    plan = make_plan(epochs=60, learning_rate=0.3, hidden=(20,))
    outcome = train(engine, make_job(plan, make_run(patience=3)))
    losses = outcome.curve.stop_loss
    best = int(np.argmin(losses)) + 1
    assert outcome.best_epoch == best
    assert len(losses) == best + 3 < 60
    shorter = train(engine, make_job(make_plan(epochs=best, learning_rate=0.3, hidden=(20,)), make_run(patience=99)))
    assert_same_weights(outcome.weights, shorter.weights)


def test_penalty_does_not_enter_the_loss_that_stops(engine, make_plan, make_run, make_job):
    """With a learning rate of almost nothing the weights stay, so that only the penalty could tell them apart."""
    plan = make_plan(learning_rate=1e-12)
    plain, penalized = (train(engine, make_job(plan, make_run(patience=9, **s))) for s in ({}, {"l2": 10.0}))
    assert penalized.penalty > 1
    assert penalized.curve.stop_loss == pytest.approx(plain.curve.stop_loss, rel=1e-6)


@pytest.mark.parametrize("settings", [{}, {"patience": 5}, {"l2": 1e3}])
def test_divergence_ends_a_run_at_its_epoch(engine, make_plan, make_run, settings, make_job):
    plan = make_plan("regression", optimizer="sgd", learning_rate=1e6, epochs=50)
    outcome = train(engine, make_job(plan, make_run(**settings)))
    assert outcome.diverged_epoch is not None
    assert len(outcome.curve.train_loss) == outcome.diverged_epoch - 1
    assert np.isfinite([*outcome.curve.train_loss, *outcome.curve.validation_loss]).all()
    assert outcome.weights == {}


def test_large_validation_sets_are_evaluated_piece_by_piece(keras, make_plan, make_run, monkeypatch, engines, make_job):
    from search.training.engines import _evaluation

    whole = train(engines["fit"], make_job(make_plan(), make_run(patience=9)))
    monkeypatch.setattr(_evaluation, "_ROWS_AT_ONCE", 7)
    pieces = train(engines["fit"], make_job(make_plan(), make_run(patience=9)))
    assert_same_weights(whole.weights, pieces.weights)
    assert pieces.curve.stop_loss == pytest.approx(whole.curve.stop_loss, rel=1e-6)
    assert pieces.curve.validation_metric == pytest.approx(whole.curve.validation_metric, rel=1e-6)
