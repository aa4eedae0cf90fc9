"""What becomes of a run before an engine gets it."""

from dataclasses import replace

import numpy as np
import pytest

from search.data import Fold
from search.records import Configuration
from search.training.stopping import Stopping


def test_technique_values_become_numbers_and_settings_do_not(make_plan, make_run, make_job):
    chosen = Configuration({"unit_norm": "on", "dense_1.dropout": 0.25, "training.epochs": 3})
    job = make_job(make_plan(space=tuple(chosen)), replace(make_run(), configuration=chosen))
    assert job.values == {"unit_norm": 1.0, "dense_1.dropout": 0.25}
    assert job.names == ("dense_1.dropout", "training.epochs", "unit_norm")
    assert job.training.epochs == 3


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, None),
        ({"patience": 3}, Stopping(3)),
        ({"patience": 3, "minimum_delta": 0.25, "start_epoch": 7}, Stopping(3, 0.25, 7)),
    ],
)
def test_stopping_is_what_its_techniques_say(make_plan, make_run, settings, expected, make_job):
    plan = make_plan(space=("patience", "minimum_delta", "start_epoch"))
    assert make_job(plan, make_run(**settings)).stopping == expected


def test_whitening_is_fitted_on_the_rows_that_train(make_plan, make_run, make_job):
    plan = make_plan(space=("zca", "patience"))
    plain, job = (make_job(plan, make_run(patience=3, **chosen)).arrays for chosen in ({}, {"zca": 1e-6}))
    covariance = np.cov(job.train.array.T, bias=True)
    np.testing.assert_allclose(covariance, np.eye(4), atol=1e-4)
    matrix = np.linalg.lstsq(plain.train.array - plain.train.array.mean(axis=0), job.train.array, rcond=None)[0]
    for before, after in ((plain.stop, job.stop), (plain.validation, job.validation)):
        expected = (before.array - plain.train.array.mean(axis=0)) @ matrix
        np.testing.assert_allclose(after.array, expected, atol=1e-4)
    np.testing.assert_array_equal(job.train.y, plain.train.y)


def test_whitened_rows_are_kept_for_their_value(make_plan, make_run, make_job):
    plan = make_plan(space=("zca", "patience", "l2"))
    kept = make_job(plan, make_run(zca=0.5)).arrays
    assert len(kept.stop.array) == 0
    assert make_job(plan, make_run(zca=0.5, l2=0.1)).arrays is kept
    assert make_job(plan, make_run(zca=0.25)).arrays is not kept
    assert make_job(plan, make_run(zca=0.5, patience=3)).arrays is not kept


def test_rows_that_stop_and_score_stay_one(make_plan, make_run, make_job):
    plan = make_plan(space=("zca", "patience"))
    fold = plan.folds[0]
    plan = type(plan)(plan.dataset, (Fold(0, fold.train, fold.validation, fold.validation),), plan.spec, plan.metric)
    arrays = make_job(plan, make_run(zca=0.5, patience=3)).arrays
    assert arrays.stop is arrays.validation


MULTITASK = {"family": "multitask", "hidden": (5,)}


def test_head_is_there_where_its_loss_is_searched_and_used_where_it_is_on(make_plan, make_run, make_job):
    without = make_job(make_plan(model=MULTITASK, space=("l2",)), make_run())
    assert without.plain.auxiliary is without.open.auxiliary is without.regularized.auxiliary is None
    plan = make_plan(model=MULTITASK, space=("l2", "auxiliary_weight"))
    off, on = make_job(plan, make_run()), make_job(plan, make_run(auxiliary_weight=0.5))
    assert off.open.auxiliary == on.open.auxiliary == off.plain.auxiliary is not None
    assert off.regularized.auxiliary is None
    assert on.regularized.auxiliary is not None
