"""Rows that a Python program has in memory."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from search.data import to_archive, to_arrays
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


def test_frame_with_text_dates_or_gaps_stays_columns():
    frame = pd.DataFrame({"width": [1.0, None], "color": ["red", None], "day": pd.to_datetime(["2024-01-01", None])})
    x, _ = to_arrays(frame, [0, 1])
    assert {name: str(cells.dtype) for name, cells in x.items()} == {
        "width": "float64",
        "color": "object",
        "day": "datetime64[us]",
    }
    assert x["color"].tolist() == ["red", None]


def test_columns_survive_an_archive_without_pickle(tmp_path, read):
    frame = pd.DataFrame(
        {
            "width": [1.0, None, 3.0, 4.0],
            "color": ["red", None, "blue", "1"],
            "day": pd.to_datetime(["2024-01-01", None, "2024-01-03", "2024-01-04"]),
        }
    )
    x, y = to_arrays(frame, ["a", "b", "a", "b"])
    np.savez(tmp_path / "rows.npz", **to_archive(x, y))
    found = read(source="npz", path="rows.npz").features
    assert found["color"].tolist() == ["red", None, "blue", "1"]
    assert found["width"].isna().tolist() == found["day"].isna().tolist() == [False, True, False, False]
    assert found["day"].dt.day.tolist()[2:] == [3, 4]


def test_further_rows_are_put_below():
    frame = pd.DataFrame({"width": [1.0, 2.0], "color": ["red", "blue"]})
    more = pd.DataFrame({"width": [None, 3.0], "color": ["blue", None]})
    x, y = to_arrays(frame, [0, 1], (more, [1, 0]))
    assert x["color"].tolist() == ["red", "blue", "blue", None]
    assert np.isnan(x["width"]).tolist() == [False, False, True, False]
    assert y.tolist() == [0, 1, 1, 0]
    assert to_arrays(np.ones((2, 3)), [0, 1], (np.zeros((1, 3)), [1]))[0].shape == (3, 3)


def test_further_rows_may_name_their_columns_in_another_order():
    frame = pd.DataFrame({"width": [1.0, 2.0], "color": ["red", "blue"], "day": pd.to_datetime(["2024-01-01"] * 2)})
    x, _ = to_arrays(frame, [0, 1], (frame[["day", "color", "width"]], [1, 0]))
    assert list(x) == ["width", "color", "day"]
    assert x["width"].tolist() == [1, 2, 1, 2]


@pytest.mark.parametrize("shapes", [((4,), (2, 1)), ((4, 1), (2,)), ((4, 1), (2, 1))])
def test_targets_may_stand_in_a_column_of_their_own(shapes):
    given, further = (np.arange(np.prod(shape)).reshape(shape) for shape in shapes)
    assert to_arrays(np.ones((4, 3)), given, (np.ones((2, 3)), further))[1].tolist() == [0, 1, 2, 3, 0, 1]


@pytest.mark.parametrize(
    ("known", "nothing"), [("red", None), (1.5, None), (pd.Timestamp("2024-01-01"), pd.NaT)], ids=str
)
def test_column_of_further_rows_may_have_no_cell(known, nothing):
    frame, more = pd.DataFrame({"a": [known, known]}), pd.DataFrame({"a": [nothing, nothing]})
    for first, second in ((frame, more), (more, frame)):
        x, _ = to_arrays(first, [0, 1], (second, [0, 1]))
        assert x["a"].dtype == {"str": object, "float": np.float64}.get(type(known).__name__, "datetime64[us]")
        assert pd.Series(x["a"]).isna().tolist() == [first is more] * 2 + [second is more] * 2


TABLE = pd.DataFrame({"width": [1.0, 2.0], "color": ["red", "blue"]})


@pytest.mark.parametrize(
    ("given", "further", "message"),
    [
        (
            (TABLE, [0, 1]),
            (TABLE.rename(columns={"width": "length"}), [0, 1]),
            'expected the columns of x, received a table that differs in "length", "width".',
        ),
        (
            (TABLE, [0, 1]),
            (np.ones((2, 2)), [0, 1]),
            "expected x to be a table like the other rows, received an array.",
        ),
        (
            (np.ones((2, 2)), [0, 1]),
            (TABLE, [0, 1]),
            "expected x to be an array like the other rows, received a table.",
        ),
        (
            (TABLE, [0, 1]),
            (TABLE.assign(width=["a", "b"]), [0, 1]),
            'expected column "width" of numbers like the other rows, received text.',
        ),
        (
            (np.ones((2, 3)), [0, 1]),
            (np.ones((2, 4)), [0, 1]),
            "expected x with rows of shape (3,), received (4,).",
        ),
        (
            (np.ones((2, 3)), ["no", "yes"]),
            (np.ones((2, 3)), [0, 1]),
            "expected y of text like the other rows, received numbers.",
        ),
        (
            (np.ones((2, 3)), [0, 1]),
            (np.ones((2, 3)), None),
            "expected y of validation_data to hold numbers only or text only, received NoneType.",
        ),
    ],
)
def test_further_rows_of_another_kind_are_refused(given, further, message):
    with pytest.raises(DataError) as caught:
        to_arrays(*given, further)
    assert str(caught.value) == f"validation_data: {message}"


def test_ragged_rows_are_refused():
    with pytest.raises(DataError, match="x: expected x to be one array, received rows of different shapes"):
        to_arrays([[1.0], [2.0, 3.0]], [0, 1])
