"""What a run predicted is what its score was computed of, and what the model that it leaves predicts."""

import pickle
from dataclasses import replace

import numpy as np
import pytest
from sklearn import metrics as reference

from search.records import EngineChoice
from search.training.engines import ENGINES, keep_going
from search.training.engines._stores import _outcome_bytes
from search.training.metrics import METRICS

SCORED = np.arange(40, 60)
UNITS = {"scaled": (1000.0, 50_000.0), "far off": (1.0, 1e7)}


@pytest.fixture
def plan_of(make_plan):
    """A function that makes the plan of a case, and tells the true targets of the rows that score and their weights."""

    def make(case, **training):
        task = {"binary": "binary", "weighted": "binary", "multiclass": "multiclass"}.get(case, "regression")
        plan = make_plan(task, n_targets=2 if case == "two targets" else None, epochs=8, **training)
        dataset = plan.dataset
        if case == "weighted":
            dataset = replace(dataset, weight=np.linspace(0, 3, 60).astype(np.float32))
        if case in UNITS:
            scale, shift = UNITS[case]
            dataset = replace(dataset, target=dataset.target.astype(np.float64) * scale + shift, scale_target=True)
        if case == "two targets":
            dataset = replace(dataset, scale_target=True)
        weight = None if dataset.weight is None else dataset.weight[SCORED]
        return type(plan)(dataset, plan.folds, plan.spec, plan.metric), dataset.target[SCORED], weight

    return make


CASES = {"binary": 1, "weighted": 1, "multiclass": 3, "unscaled": 1, "scaled": 1, "far off": 1, "two targets": 2}


TO_THE_END, BEST_EPOCH = {}, {"patience": 2, "dropout": 0.3}


@pytest.mark.parametrize(
    ("case", "engine", "settings"),
    [
        *((case, engine, BEST_EPOCH) for case in CASES for engine in ("graph", "fit")),
        *((case, engine, BEST_EPOCH) for case in ("binary", "scaled") for engine in ("compiled", "lanes")),
        *((case, engine, TO_THE_END) for case in ("binary", "scaled") for engine in ENGINES),
    ],
)
def test_score_is_that_of_the_predictions(plan_of, make_run, session, case, engine, settings):
    plan, target, weight = plan_of(case, engine=engine, learning_rate=0.1)
    result = session.train(plan, make_run(**settings))
    received = pickle.loads(pickle.dumps(result)).predictions
    assert received == result.predictions
    assert received.values.shape == (len(SCORED), CASES[case])
    assert METRICS[plan.metric].score(target, received.values, weight) == pytest.approx(result.score, rel=1e-6)
    if CASES[case] == 1 and len(plan.dataset.classes) == 2:
        told = reference.log_loss(target, received.values[:, 0].astype(float), sample_weight=weight)
        assert told == pytest.approx(result.score, rel=1e-5)  # it takes the other class' probability in float64


@pytest.mark.parametrize(("case", "engine"), [("multiclass", "graph"), ("scaled", "compiled"), ("scaled", "fit")])
def test_predictions_are_those_of_the_model_that_the_run_leaves(plan_of, make_run, session, case, engine):
    plan, _, _ = plan_of(case, engine=engine, learning_rate=0.1)
    run = make_run(patience=2)
    arrays = session.prepared_rows(plan, run).arrays
    expected = session.train_model(plan, run).predict(arrays.validation.array, verbose=0).astype(np.float64)
    if (scale := arrays.target_scale) is not None:
        expected = expected * scale.deviation + scale.mean
    predicted = session.train(plan, run).predictions.values
    np.testing.assert_allclose(predicted, expected, rtol=1e-5)


def test_rows_that_stop_are_no_part_of_them_also_where_they_score(make_plan, make_run, session):
    plan = make_plan(engine="graph", epochs=8)
    (fold,) = plan.folds
    plan = replace(plan, folds=(replace(fold, stop=fold.validation),))
    for engine in ("graph", "fit"):
        result = session.train(plan, replace(make_run(patience=2), engine=EngineChoice(engine)))
        target = plan.dataset.target[SCORED]
        assert METRICS["log_loss"].score(target, result.predictions.values) == pytest.approx(result.score, rel=1e-6)


@pytest.mark.parametrize("engine", ["graph", "fit"])
def test_path_predicts_as_its_last_stage_does(make_plan, make_run, session, train_stages, engine):
    plan, run = make_plan(space=("l2", "path"), epochs=3, engine=engine), make_run(l2=0.05, path=0.001)
    result = session.train(plan, run)
    assert result.epochs_trained == 9
    target = plan.dataset.target[SCORED]
    assert METRICS["log_loss"].score(target, result.predictions.values) == pytest.approx(result.score, rel=1e-6)
    outcome = train_stages(plan, run, engine, keep_going)
    np.testing.assert_array_equal(outcome.predicted, result.predictions.values)


def test_stages_that_are_kept_count_with_their_predictions(make_plan, make_run, engines, make_job):
    outcome = engines["graph"].train(make_job(make_plan("multiclass"), make_run()))
    assert outcome.predicted.base is None  # no more than these rows is held
    without = replace(outcome, predicted=np.zeros((0, 3), np.float32))
    assert _outcome_bytes(outcome) - _outcome_bytes(without) == 4 * len(SCORED) * 3


@pytest.mark.parametrize("engine", ["graph", "fit"])
def test_run_that_diverged_predicts_nothing(make_plan, make_run, session, train_stages, engine):
    plan = make_plan("regression", n_targets=2, optimizer="sgd", learning_rate=1e6, epochs=50, engine=engine)
    plan = replace(plan, dataset=replace(plan.dataset, scale_target=True))
    assert session.train(plan, make_run()).predictions is None
    assert train_stages(plan, make_run(), engine, keep_going).predicted.shape == (0, 0)


def test_run_that_was_withdrawn_predicts_nothing(make_plan, make_run, session, monkeypatch):
    monkeypatch.setattr("search.training.engines.program._REPORT_SECONDS", 0.0)
    result = session.train(make_plan(epochs=40, engine="graph"), make_run(), lambda _: False)
    assert result.error == "withdrawn at epoch 1"
    assert result.predictions is None
