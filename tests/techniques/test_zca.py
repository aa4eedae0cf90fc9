"""ZCA whitening in NumPy."""

import numpy as np
import pytest

from search.techniques import TECHNIQUES
from search.techniques.zca import Zca

ROWS = np.random.default_rng(1).normal(size=(200, 12)).astype(np.float32) @ np.random.default_rng(2).normal(
    size=(12, 12)
).astype(np.float32)


def test_rows_that_train_become_uncorrelated_with_unit_variance():
    whitened = Zca().fit(ROWS, 1e-9)(ROWS)
    np.testing.assert_allclose(np.cov(whitened.T, bias=True), np.eye(12), atol=1e-4)
    np.testing.assert_allclose(whitened.mean(axis=0), 0, atol=1e-5)


@pytest.mark.parametrize("epsilon", [1e-3, 0.1, 10.0])
def test_matrix_is_that_of_its_formula(epsilon):
    centred = ROWS.astype(np.float64) - ROWS.mean(axis=0, dtype=np.float64)
    variances, axes = np.linalg.eigh(centred.T @ centred / len(ROWS))
    whitening = Zca().fit(ROWS, epsilon)
    np.testing.assert_allclose(whitening.matrix, axes @ np.diag((variances + epsilon) ** -0.5) @ axes.T, rtol=1e-6)
    np.testing.assert_allclose(whitening(ROWS[:3]), centred[:3] @ whitening.matrix, rtol=1e-4, atol=1e-5)


def test_other_rows_are_changed_as_those_that_train_without_a_look_at_them():
    whitening = Zca().fit(ROWS, 0.1)
    np.testing.assert_allclose(whitening(ROWS[5:6]), whitening(ROWS)[5:6], rtol=1e-5)


def test_rows_of_any_shape_keep_it():
    images = ROWS.reshape(200, 3, 4)
    whitened = Zca().fit(images, 0.1)(images)
    assert (whitened.shape, whitened.dtype) == (images.shape, np.float32)
    np.testing.assert_array_equal(whitened.reshape(200, 12), Zca().fit(ROWS, 0.1)(ROWS))


@pytest.mark.parametrize(
    "rows", [ROWS[:4], np.ones((30, 12), np.float32)], ids=["fewer rows than features", "constant"]
)
def test_features_without_variance_stay_finite(rows):
    assert np.isfinite(Zca().fit(rows, 1e-6)(ROWS)).all()


def test_many_values_on_one_fold_cost_one_decomposition(monkeypatch):
    calls, decompose = [], np.linalg.eigh
    monkeypatch.setattr(np.linalg, "eigh", lambda matrix: calls.append(len(matrix)) or decompose(matrix))
    zca, copy = Zca(), ROWS.copy()
    first = zca.fit(ROWS, 0.1)
    assert not np.array_equal(zca.fit(ROWS, 0.2).matrix, first.matrix)
    assert calls == [12]
    np.testing.assert_array_equal(zca.fit(copy, 0.1).matrix, first.matrix)
    assert calls == [12, 12]


def test_the_map_holds_it():
    assert isinstance(TECHNIQUES["zca"], Zca)
