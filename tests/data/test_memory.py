"""Rows that a Python program has in memory."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from search.data import to_arrays
from search.errors import DataError


@pytest.mark.parametrize("kind", [np.asarray, list, pd.DataFrame])
def test_whatever_holds_numbers_becomes_arrays(kind):
    x, y = to_arrays(kind([[1.0, 2.0], [3.0, 4.0]]), ["no", "yes"])
    np.testing.assert_array_equal(x, [[1, 2], [3, 4]])
    assert y.tolist() == ["no", "yes"]


def test_series_is_one_target_and_a_frame_several():
    frame = pd.DataFrame({"a": [1.0, 2.0], "b": [3.0, 4.0]})
    assert to_arrays(frame, frame["a"])[1].shape == to_arrays(frame, frame[["a"]])[1].shape == (2,)
    assert to_arrays(frame, frame)[1].shape == (2, 2)


def test_text_among_the_features_is_refused():
    frame = pd.DataFrame({"width": [1.0, 2.0], "color": ["red", "blue"]})
    with pytest.raises(DataError) as caught:
        to_arrays(frame, [0, 1])
    assert str(caught.value) == (
        'x: expected columns of numbers, received text in column "color". '
        "Write the table to a CSV file and use `regsearch init`: there, text becomes one-hot inputs."
    )


def test_ragged_rows_are_refused():
    with pytest.raises(DataError, match="x: expected x to be one array, received rows of different shapes"):
        to_arrays([[1.0], [2.0, 3.0]], [0, 1])
