"""A regression is trained alike whatever the unit of its target, and scored in that unit."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn import metrics as reference

from search.training.engines import ENGINES

UNITS = {"large": (1000.0, 50_000.0), "far off": (1.0, 1e7), "tiny": (1e-6, 0.0)}


@pytest.fixture
def job_in(make_plan, make_run, make_job):
    """A function that makes the job of a regression whose target is `scale * y + shift`."""

    def make(scale, shift, metric="mse", n_targets=None, scale_target=True):
        plan = make_plan("regression", metric, n_targets=n_targets, epochs=15)
        target = plan.dataset.target.astype(np.float64) * scale + shift
        dataset = replace(plan.dataset, target=target, scale_target=scale_target)
        return make_job(type(plan)(dataset, plan.folds, plan.spec, plan.metric), make_run(patience=9))

    return make


@pytest.mark.parametrize(("name", "n_targets"), [*((name, None) for name in ENGINES), ("graph", 2), ("fit", 2)])
def test_unit_changes_nothing_but_the_unit_of_the_score(keras, engines, job_in, name, n_targets):
    plain = engines[name].train(job_in(1.0, 0.0, n_targets=n_targets))
    for scale, shift in UNITS.values():
        other = engines[name].train(job_in(scale, shift, n_targets=n_targets))
        for path, values in other.weights.items():
            np.testing.assert_allclose(values, plain.weights[path], rtol=0, atol=1e-4, err_msg=path)
        assert other.score == pytest.approx(plain.score * scale**2, rel=1e-3)
        np.testing.assert_allclose(other.curve.validation_metric, plain.curve.validation_metric * scale**2, rtol=1e-3)
        np.testing.assert_allclose(other.curve.validation_loss, plain.curve.validation_loss, rtol=1e-3)


@pytest.mark.parametrize(
    ("name", "metric"),
    [*((name, "mse") for name in ENGINES), *((name, metric) for name in ("graph", "fit") for metric in ("mae", "r2"))],
)
def test_score_is_that_of_predictions_in_the_own_unit(keras, engines, job_in, name, metric):
    from search.models import build_model, weights_by_path

    job = job_in(1000.0, 50_000.0, metric)
    outcome = engines[name].train(job)
    model = build_model(job.regularized)
    for path, variable in weights_by_path(model).items():
        variable.assign(outcome.weights[path])
    scale = job.arrays.target_scale
    predicted = model.predict(job.arrays.validation.array, verbose=0)[:, 0] * scale.deviation + scale.mean
    truth = job.arrays.validation.y * scale.deviation + scale.mean
    score = {"mse": "mean_squared_error", "mae": "mean_absolute_error", "r2": "r2_score"}[metric]
    assert outcome.score == pytest.approx(getattr(reference, score)(truth, predicted), rel=1e-5)
    assert outcome.curve.validation_metric[outcome.best_epoch - 1] == pytest.approx(outcome.score, rel=1e-4)


def test_program_of_one_unit_serves_all(keras, job_in):
    from search.training.engines import Stores

    engine = ENGINES["graph"](Stores())
    for unit in UNITS.values():
        engine.train(job_in(*unit))
    assert engine.n_compilations == 1


@pytest.mark.parametrize("name", ["graph", "fit"])
def test_targets_that_are_not_to_be_scaled_train_as_they_are(keras, engines, job_in, name):
    small, large = (engines[name].train(job_in(*own, scale_target=False)) for own in ((1.0, 0.0), (1000.0, 50_000.0)))
    assert large.curve.train_loss[0] > 1e6 * small.curve.train_loss[0]
    assert large.score > 1e9
