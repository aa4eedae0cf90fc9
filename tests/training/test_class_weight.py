"""Rows of a class count in training as the study says, and alike in scores."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.utils import compute_class_weight

from search.training.engines import ENGINES
from search.training.engines._initial import draw_initial_weights
from search.training.engines._orders import EpochOrders, epochs_in_block
from search.training.rows import class_weights

LABELS = ("no", "yes", "perhaps")


def test_balanced_weights_are_those_of_scikit_learn():
    y = np.repeat([0, 1, 2], [30, 6, 4])
    expected = compute_class_weight("balanced", classes=np.arange(3), y=y)
    np.testing.assert_allclose(class_weights(y, LABELS, "balanced"), expected, rtol=1e-6)


def test_class_without_a_number_counts_one():
    np.testing.assert_array_equal(class_weights(np.arange(3), LABELS, {"yes": 2.5}), np.float32([1, 2.5, 1]))


@pytest.fixture
def job_of(make_plan, make_run, make_job):
    """A function that makes a job whose rows are weighted by their classes."""

    def make(task, class_weight, **settings):
        plan = make_plan(task, class_weight=class_weight, epochs=6, space=("l2", "training.class_weight"))
        y = np.where(np.arange(60) % 5 == 0, plan.dataset.target, 0)  # class 0 is frequent
        plan = type(plan)(replace(plan.dataset, target=y), plan.folds, plan.spec, plan.metric)
        run = make_run()
        return make_job(plan, replace(run, configuration=type(run.configuration)(settings)))

    return make


@pytest.mark.parametrize(
    ("task", "weights", "names"),
    [("binary", "balanced", ("graph", "fit")), ("multiclass", {"1": 3.0, "2": 0.5}, tuple(ENGINES))],
)
def test_every_engine_trains_as_keras_does_with_class_weight(keras, engines, job_of, task, weights, names):
    from search.models import build_model, make_optimizer, weights_by_path

    job = job_of(task, weights)
    train, labels = job.arrays.train, [str(index) for index in range(job.n_classes)]
    by_class = class_weights(train.y, labels, weights)
    assert len(set(train.weight.tolist())) > 1
    np.testing.assert_array_equal(train.weight, by_class[train.y])
    assert not job.arrays.validation.is_weighted
    model, initial = build_model(job.regularized), draw_initial_weights(job)
    for path, variable in weights_by_path(model).items():
        variable.assign(initial[path])
    model.compile(make_optimizer(job.training), **job.plain.loss.compile_arguments())
    for order in EpochOrders(job.seed, len(train), epochs_in_block(len(train))).block(0)[:6]:
        told = dict(enumerate(by_class.tolist()))
        model.fit(train.array[order], train.y[order], batch_size=8, shuffle=False, verbose=0, class_weight=told)
    theirs = weights_by_path(model)
    for name in names:
        for path, values in engines[name].train(job).weights.items():
            np.testing.assert_allclose(values, theirs[path].numpy(), rtol=1e-3, atol=2e-5, err_msg=f"{name} {path}")


def test_class_weight_may_be_searched(engines, job_of):
    plain, balanced = (job_of("binary", "none", **settings) for settings in ({}, {"training.class_weight": "balanced"}))
    assert (plain.arrays.train.is_weighted, balanced.arrays.train.is_weighted) == (False, True)
    assert engines["graph"].train(plain).curve != engines["graph"].train(balanced).curve
