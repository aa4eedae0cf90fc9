"""Rows that count more than others: in losses and scores, as `sample_weight`, in every engine."""

from dataclasses import replace

import numpy as np
import pytest

from search.data import Samples
from search.models import build_model, make_optimizer, weights_by_path
from search.training.engines import ENGINES, Stores
from search.training.engines._initial import draw_initial_weights
from search.training.engines._orders import EpochOrders, epochs_in_block
from search.training.metrics import METRICS

WEIGHTS = np.linspace(0, 3, 60).astype(np.float32)


def weighted(plan, weight=WEIGHTS):
    """The plan with weights for its rows."""
    return replace(plan, dataset=replace(plan.dataset, weight=weight))


@pytest.fixture
def run_job(engines, make_plan, make_run, make_job):
    """A function that trains a job of weighted rows with an engine."""

    def train(engine, plan, **settings):
        job = make_job(plan, make_run(**settings))
        return job, engines[engine].train(job)

    return train


def fitted(job):
    """What Keras' own `fit` leaves that is given the rows in the same order, with their weights."""
    model, initial = build_model(job.regularized), draw_initial_weights(job)
    for path, variable in weights_by_path(model).items():
        variable.assign(initial[path])
    model.compile(make_optimizer(job.training), **job.plain.loss.compile_arguments())
    train = job.arrays.train
    for order in EpochOrders(job.seed, len(train), epochs_in_block(len(train))).block(0)[: job.training.epochs]:
        model.fit(
            train.array[order],
            train.y[order],
            sample_weight=train.weight[order],
            batch_size=job.training.batch_size,
            shuffle=False,
            verbose=0,
        )
    return model


@pytest.mark.parametrize(
    ("engine", "task"),
    [
        ("fit", "binary"),
        ("graph", "multiclass"),
        ("compiled", "regression"),
    ],
)
def test_weights_enter_the_loss_as_in_keras(run_job, make_plan, engine, task):
    job, outcome = run_job(engine, weighted(make_plan(task, epochs=6)))
    model = fitted(job)
    for path, variable in weights_by_path(model).items():
        np.testing.assert_allclose(outcome.weights[path], variable.numpy(), rtol=1e-4, atol=1e-5, err_msg=path)
    validation = job.arrays.validation
    theirs = model.evaluate(validation.array, validation.y, sample_weight=validation.weight, verbose=0)
    assert outcome.curve.validation_loss[-1] == pytest.approx(theirs, rel=1e-4)


@pytest.mark.parametrize("settings", [{"l2": 0.02, "dropout": 0.3, "patience": 2}, {"l1": 0.01}])
def test_engines_agree_on_weighted_rows(run_job, make_plan, settings):
    outcomes = [run_job(engine, weighted(make_plan("multiclass", epochs=6)), **settings)[1] for engine in ENGINES]
    for other in outcomes[1:]:
        assert other.best_epoch == outcomes[0].best_epoch
        for curve in ("train_loss", "validation_loss", "stop_loss", "validation_metric"):
            np.testing.assert_allclose(
                getattr(other.curve, curve), getattr(outcomes[0].curve, curve), rtol=1e-4, atol=1e-5, err_msg=curve
            )


@pytest.mark.parametrize("engine", ENGINES)
def test_weights_of_one_are_as_if_there_were_none(run_job, make_plan, engine):
    plan = make_plan("multiclass", epochs=4)
    (_, plain), (_, ones) = (
        run_job(engine, one, l2=0.01, dropout=0.2, patience=2)
        for one in (plan, weighted(plan, np.ones(60, np.float32)))
    )
    assert plain.curve == ones.curve
    for path, values in plain.weights.items():
        np.testing.assert_array_equal(values, ones.weights[path], err_msg=path)


@pytest.mark.parametrize(
    ("engine", "name"),
    [
        *(("graph", name) for name in METRICS),
        *(("compiled", name) for name in ("average_precision", "r2")),  # `test_metrics` has XLA compile them all
        *(("fit", name) for name in ("f1_macro", "rmse")),
    ],
)
def test_score_and_curve_are_those_of_weighted_rows(run_job, make_plan, engine, name):
    task = "regression" if "regression" in METRICS[name].tasks else "multiclass"
    n_targets = 2 if task == "regression" else None
    plan = make_plan(task, name, n_targets=n_targets, hidden=(), space=("l2",))
    job, outcome = run_job(engine, weighted(plan))
    model = build_model(job.regularized)
    for path, variable in weights_by_path(model).items():
        variable.assign(outcome.weights[path])
    rows = job.arrays.validation
    predicted = model.predict(rows.array, verbose=0)
    expected = METRICS[name].score(rows.y, predicted, rows.weight)
    assert outcome.score == pytest.approx(expected, rel=1e-5)
    assert outcome.curve.validation_metric[-1] == pytest.approx(expected, rel=1e-4)
    assert expected != pytest.approx(METRICS[name].score(rows.y, predicted), rel=1e-3)


@pytest.mark.parametrize("engine", ["graph", "fit"])
def test_weights_of_classes_are_no_part_of_a_score(run_job, make_plan, engine):
    job, outcome = run_job(engine, make_plan("multiclass", "roc_auc", class_weight={"0": 7.0, "1": 0.5}))
    assert job.arrays.are_weighted
    model = build_model(job.regularized)
    for path, variable in weights_by_path(model).items():
        variable.assign(outcome.weights[path])
    rows = job.arrays.validation
    expected = METRICS["roc_auc"].score(rows.y, model.predict(rows.array, verbose=0))
    assert outcome.score == pytest.approx(expected, rel=1e-5)
    assert outcome.curve.validation_metric[-1] == pytest.approx(expected, rel=1e-5)


def test_folds_that_are_weighted_and_others_have_programs_of_their_own(keras, make_plan, make_run, make_job):
    weight = np.ones(60, np.float32)
    weight[:40] = 2  # rows that train and stop; those that score count alike
    one = ENGINES["graph"](Stores())
    plans = [weighted(make_plan(metric="roc_auc"), each) for each in (weight, WEIGHTS)]
    scores = []
    for plan in plans:
        job = make_job(plan, make_run())
        outcome = one.train(job)
        rows = job.arrays.validation
        scores.append(outcome.score)
        assert outcome.curve.validation_metric[-1] == pytest.approx(outcome.score, rel=1e-5)
    assert scores[0] != scores[1]
    assert rows.is_weighted


def test_rows_of_several_inputs_are_no_single_array():
    rows = np.zeros((2, 3), np.float32)
    samples = Samples({"left": rows, "right": rows}, np.zeros(2), np.ones(2, np.float32))
    with pytest.raises(ValueError, match="expected rows of one input, received left, right"):
        _ = samples.array
    assert len(samples.first(1)) == 1
