from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest

from search.data import Dataset, Fold, fit_encoder, prepare

ROWS = np.arange


def table(standardize=True):
    features = pd.DataFrame(
        {
            "t": pd.Series(["u", "v", "u", "v", "w", "z"], dtype=object),
            "n": [0.0, 2.0, 4.0, 6.0, 100.0, -100.0],
            "one": [7.0, 7.0, 7.0, 7.0, 7.0, 8.0],
        }
    )
    return Dataset(features, np.array([0, 1, 0, 1, 0, 1]), "binary", ("a", "b"), standardize, "0" * 64)


def array(shape=(6, 2), standardize=False):
    x = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    return Dataset(x, np.linspace(0, 1, shape[0], dtype=np.float32), "regression", (), standardize, "0" * 64)


def fold(train, stop, validation):
    return Fold(0, *(np.array(part, dtype=np.int64) for part in (train, stop, validation)))


def test_scaling_and_categories_come_from_the_rows_that_train():
    arrays = prepare(table(), fold([0, 1, 2], [3], [4, 5]), keep_stop=True)
    deviation = np.sqrt(8 / 3)
    np.testing.assert_allclose(arrays.train.array[:, 0], np.array([-2, 0, 2]) / deviation, rtol=1e-6)
    np.testing.assert_allclose(arrays.stop.array, [[4 / deviation, 0, 0, 1, 0, 0]], rtol=1e-6)
    np.testing.assert_allclose(
        arrays.validation.array, [[98 / deviation, 0, 0, 0, 0, 0], [-102 / deviation, 1, 0, 0, 0, 0]], rtol=1e-6
    )
    assert arrays.validation.y.tolist() == [0, 1]
    assert {part.dtype for part in (arrays.train.array, arrays.stop.array, arrays.validation.array)} == {np.dtype("f4")}


def test_stop_rows_that_are_not_kept_train():
    arrays = prepare(table(), fold([0, 1, 2], [3], [4, 5]), keep_stop=False)
    np.testing.assert_allclose(arrays.train.array[:, 0], np.array([-3, -1, 1, 3]) / np.sqrt(5), rtol=1e-6)
    assert arrays.train.y.tolist() == [0, 1, 0, 1]
    assert arrays.stop.array.shape == (0, 6)
    assert arrays.stop.y.shape == (0,)


def test_rows_that_score_never_train():
    both = fold([0, 1, 2], [3, 4], [3, 4])
    assert len(prepare(array(), both, keep_stop=False).train.array) == 3
    kept = prepare(array(), both, keep_stop=True)
    assert kept.stop.array.tolist() == kept.validation.array.tolist()


@pytest.mark.parametrize("shape", [(6, 2), (6, 3, 2, 1)])
def test_arrays_keep_their_shape_and_are_scaled_when_asked(shape):
    plain = prepare(array(shape), fold([0, 2], [], [1]), keep_stop=True)
    np.testing.assert_array_equal(plain.train.array, array(shape).features[[0, 2]])
    scaled = prepare(array(shape, standardize=True), fold([0, 2], [], [1]), keep_stop=True)
    np.testing.assert_array_equal(scaled.train.array[0], np.full(shape[1:], -1))
    np.testing.assert_array_equal(scaled.validation.array, np.zeros((1, *shape[1:])))
    assert scaled.stop.array.shape == (0, *shape[1:])


def test_a_table_may_stay_unscaled():
    arrays = prepare(table(standardize=False), fold([0, 1], [2, 3], [4]), keep_stop=True)
    assert arrays.train.array.tolist() == [[0, 7, 1, 0, 0, 0], [2, 7, 0, 1, 0, 0]]


@pytest.mark.parametrize(("columns", "n_inputs"), [(["t"], 4), (["n", "one"], 2)])
def test_tables_of_one_kind_of_column_are_encoded(columns, n_inputs):
    whole = table()
    data = Dataset(whole.features[columns], whole.target, "binary", ("a", "b"), True, "0" * 64)
    assert prepare(data, fold([0, 1, 2], [3], [4]), keep_stop=True).train.array.shape == (3, n_inputs)


@pytest.mark.parametrize("data", [table(), array(), array(standardize=True)], ids=["table", "plain", "scaled"])
def test_an_encoder_pickles(data):
    encoder = fit_encoder(data, ROWS(4))
    copy = pickle.loads(pickle.dumps(encoder))
    np.testing.assert_array_equal(copy.transform(data), encoder.transform(data))


def test_scaling_of_an_array_is_what_the_encoder_does():
    features = np.random.default_rng(0).normal(3, 2, (20, 2, 3)).astype(np.float32)
    dataset = Dataset(features, np.arange(20) % 2, "binary", ("0", "1"), standardize=True, sha256="0")
    encoder = fit_encoder(dataset, np.arange(15))
    mean, deviation = encoder.scaling()
    scaled = (features.reshape(20, -1) - mean) / deviation
    np.testing.assert_allclose(encoder.transform(dataset).reshape(20, -1), scaled, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("standardize", [False, True])
def test_nothing_is_scaled_where_nothing_is_numeric_or_asked_for(standardize):
    table = pd.DataFrame({"color": pd.Series(["red", "blue", "red"], dtype=object)})
    values = table if standardize else np.ones((3, 2), np.float32)
    dataset = Dataset(values, np.array([0, 1, 0]), "binary", ("0", "1"), standardize=standardize, sha256="0")
    assert fit_encoder(dataset, np.arange(3)).scaling() is None
