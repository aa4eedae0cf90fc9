"""Predictions come back as they were sent, and hold what a score was computed from."""

from __future__ import annotations

import math
import pickle
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from search.records import Predictions

_SHAPES = st.tuples(st.integers(0, 20), st.integers(0, 5))
_ANY = st.one_of(arrays.arrays(np.float32, _SHAPES), arrays.arrays(np.float64, _SHAPES))


@given(_ANY)
def test_all_predictions_come_back_with_nan_and_infinities(values: npt.NDArray[np.floating[Any]]) -> None:
    predictions = Predictions(values)
    for back in (Predictions.from_bytes(predictions.to_bytes()), pickle.loads(pickle.dumps(predictions))):
        assert back == predictions
        assert (back.values.shape, back.values.dtype) == (predictions.values.shape, predictions.values.dtype)
        assert back.to_bytes() == predictions.to_bytes()


@given(arrays.arrays(np.float32, _SHAPES))
def test_numbers_in_float32_stay_what_they_are(values: npt.NDArray[np.float32]) -> None:
    kept = Predictions(values).values
    assert kept.dtype == np.float32
    np.testing.assert_array_equal(kept, values)


@given(st.floats(-1e12, 1e12), st.floats(1e-6, 1e6), st.integers(0, 1000))
def test_numbers_far_off_zero_keep_the_digits_of_what_they_vary_by(mean: float, deviation: float, seed: int) -> None:
    drawn = np.random.default_rng(seed).normal(size=(50, 2))
    values = mean + deviation * drawn
    kept = Predictions(values).values
    of_float64 = 8 * np.finfo(np.float64).eps * abs(mean)
    np.testing.assert_allclose(kept, values, rtol=0, atol=1e-6 * deviation + of_float64)


def test_layout_is_the_documented_one() -> None:
    packed = Predictions(np.array([[1, 2], [3, 4], [5, 6]], np.float32)).to_bytes()
    assert packed[:16].hex(" ", 4) == "52535031 00000000 03000000 02000000"
    assert np.frombuffer(packed[16:32], "<f8").tolist() == [0, 0]
    assert np.frombuffer(packed[32:], "<f4").tolist() == [1, 2, 3, 4, 5, 6]
    packed = Predictions([[1.0, 2.0], [3.0, 6.0]]).to_bytes()
    assert np.frombuffer(packed[16:32], "<f8").tolist() == [2, 4]
    assert np.frombuffer(packed[32:], "<f4").tolist() == [-1, -2, 1, 2]


@given(_ANY)
def test_size_depends_on_the_shape_alone(values: npt.NDArray[np.floating[Any]]) -> None:
    n_rows, n_outputs = values.shape
    assert Predictions(values).n_bytes == 16 + 8 * n_outputs + 4 * n_rows * n_outputs


def test_predictions_cannot_be_changed_by_who_made_them_or_who_reads_them() -> None:
    for kind in (np.float32, np.float64):
        given = np.array([[0.25], [0.75]], kind)
        predictions = Predictions(given)
        given[0] = 5.0
        assert predictions.values.tolist() == [[0.25], [0.75]]
        for read in (predictions, pickle.loads(pickle.dumps(predictions))):
            with pytest.raises(ValueError, match="read-only"):
                read.values[0] = 5.0


def test_predictions_are_equal_by_value_and_not_hashable() -> None:
    predictions = Predictions([[math.nan, 1.0]])
    assert predictions == Predictions([[math.nan, 1.0]])
    assert predictions != Predictions([[math.nan, 1.5]])
    assert predictions != Predictions([[math.nan], [1.0]])
    assert predictions != "predictions"
    with pytest.raises(TypeError, match="unhashable type: 'Predictions'"):
        hash(predictions)
    assert repr(predictions) == "Predictions([[nan  1.]])"


def test_what_is_too_large_becomes_infinite() -> None:
    assert Predictions([[1e300], [-1e308], [1e308]]).values.tolist() == [[math.inf], [-math.inf], [math.inf]]


@pytest.mark.parametrize("shape", [(), (3,), (3, 1, 2)])
def test_values_of_another_number_of_dimensions_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="shape") as caught:
        Predictions(np.zeros(shape))
    assert str(caught.value) == f"expected predictions of shape (rows, outputs), received shape {shape}"


@pytest.mark.parametrize(
    ("packed", "message"),
    [
        (b"", "expected packed predictions, received 0 other bytes"),
        (b"RSP1", "expected packed predictions, received 4 other bytes"),
        (bytes(16), "expected packed predictions of layout b'RSP1', received b'\\x00\\x00\\x00\\x00'"),
        (
            Predictions([[1.0]]).to_bytes()[:-1],
            "expected packed predictions of layout b'RSP1' with 1 rows and 1 outputs, received 27 bytes",
        ),
    ],
)
def test_other_bytes_are_refused(packed: bytes, message: str) -> None:
    with pytest.raises(ValueError, match="expected packed predictions") as caught:
        Predictions.from_bytes(packed)
    assert str(caught.value) == message
