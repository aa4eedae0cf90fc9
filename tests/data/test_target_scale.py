"""Targets of a regression are scaled for training and come back in their own unit."""

import numpy as np
import pytest
from sklearn.preprocessing import StandardScaler

from search.data import Dataset, Fold, TargetScale, prepare

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("shape", [(50,), (50, 1), (50, 3)])
def test_scale_is_that_of_scikit_learn(shape):
    target = RNG.normal(5e4, 1e3, shape)
    expected = StandardScaler().fit_transform(target.reshape(len(target), -1)).reshape(shape)
    scaled = TargetScale.fit(target).scaled(target)
    assert (scaled.dtype, scaled.shape) == (np.float32, shape)
    np.testing.assert_allclose(scaled, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("shift", [0.0, 1e9])
def test_targets_come_back_as_precisely_as_they_vary(shift):
    target = shift + RNG.normal(size=(50, 2)) * [1.0, 1e-3]
    scale = TargetScale.fit(target)
    np.testing.assert_allclose(scale.restored(scale.scaled(target)) - shift, target - shift, atol=1e-6)


def test_target_that_never_changes_is_not_divided():
    scale = TargetScale.fit(np.array([[1.0, 7.0], [3.0, 7.0]]))
    assert scale.deviation.tolist() == [1.0, 1.0]
    assert scale.scaled(np.array([[1.0, 9.0]])).tolist() == [[-1.0, 2.0]]


def dataset_of(target, *, scale_target):
    return Dataset(
        np.zeros((len(target), 1), np.float32), target, "regression", (), standardize=False, sha256="0",
        scale_target=scale_target,
    )  # fmt: skip


@pytest.mark.parametrize("keep_stop", [True, False])
def test_scale_is_fitted_on_the_rows_that_train(keep_stop):
    target, rows = RNG.normal(100, 20, 40), np.arange(40)
    fold = Fold(0, rows[:20], rows[20:25], rows[25:])
    arrays = prepare(dataset_of(target, scale_target=True), fold, keep_stop=keep_stop)
    trained = target[: 20 if keep_stop else 25]
    assert arrays.target_scale.mean == pytest.approx(trained.mean())
    assert arrays.target_scale.deviation == pytest.approx(trained.std())
    np.testing.assert_allclose(arrays.in_own_unit(arrays.validation.y), target[25:], rtol=1e-6)
    assert arrays.train.y.mean() == pytest.approx(0, abs=1e-6)


def test_targets_that_are_not_to_be_scaled_are_trained_on_as_they_are():
    target, rows = RNG.normal(100, 20, 40), np.arange(40)
    arrays = prepare(dataset_of(target, scale_target=False), Fold(0, rows[:20], rows[:0], rows[20:]), keep_stop=False)
    assert arrays.target_scale is None
    np.testing.assert_array_equal(arrays.train.y, target[:20].astype(np.float32))
    np.testing.assert_array_equal(arrays.in_own_unit(arrays.validation.y), target[20:].astype(np.float32))
