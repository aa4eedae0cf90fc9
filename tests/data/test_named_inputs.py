"""Rows of several inputs beside one another: from an archive, a function's dictionary and columns of a table."""

import numpy as np
import pytest

from search.data import InputShapes, NamedArrays, read_features, split_inputs
from search.data.named_inputs import in_words, join_inputs, name_cell
from search.errors import DataError

LEFT = np.arange(12, dtype=np.float32).reshape(4, 3)
RIGHT = np.arange(100, 116).reshape(4, 2, 2)
ONE = np.array([7, 8, 9, 7])
Y = np.array([0, 1, 0, 1])
INPUTS: InputShapes = (("left", (3,)), ("right", (2, 2)), ("one", (1,)))


def joined(**arrays):
    return join_inputs(NamedArrays(arrays), "[data]")


def test_inputs_come_out_as_they_went_in():
    rows, inputs = joined(left=LEFT, right=RIGHT, one=ONE)
    assert rows.shape == (4, 8)
    assert inputs == INPUTS
    parts = split_inputs(rows, inputs)
    assert list(parts) == ["left", "right", "one"]
    np.testing.assert_array_equal(parts["left"], LEFT)
    np.testing.assert_array_equal(parts["right"], RIGHT)
    np.testing.assert_array_equal(parts["one"], ONE[:, None])


def test_one_input_alone_stays_as_it_is():
    rows, inputs = joined(right=RIGHT)
    assert (rows is RIGHT, inputs) == (True, ())


def test_cells_are_named_after_their_input():
    assert [name_cell(column, INPUTS) for column in range(8)] == [
        *("left[0]", "left[1]", "left[2]"),
        *("right[0, 0]", "right[0, 1]", "right[1, 0]", "right[1, 1]"),
        "one[0]",
    ]
    assert in_words(INPUTS) == '"left" (3,), "right" (2, 2), "one" (1,)'
    with pytest.raises(ValueError, match="received one behind them"):
        name_cell(8, INPUTS)


@pytest.mark.parametrize(
    ("arrays", "received"),
    [
        ({"left": LEFT, "right": RIGHT[:3]}, 'as many rows in each input, received 4 in "left", 3 in "right"'),
        ({"left": LEFT, "text": np.array(["a"] * 4)}, 'inputs of numbers, received "text" of dtype <U1'),
    ],
)
def test_inputs_that_do_not_go_together_are_refused(arrays, received):
    with pytest.raises(DataError, match="expected") as caught:
        joined(**arrays)
    assert received in str(caught.value)


def test_archive_has_an_array_for_each_input(read, tmp_path):
    np.savez(tmp_path / "a.npz", x_left=LEFT, y=Y, x_right=RIGHT)
    dataset = read(source="npz", path="a.npz")
    assert dataset.inputs == (("left", (3,)), ("right", (2, 2)))
    np.testing.assert_array_equal(dataset.take([2]).features, [[*LEFT[2], *RIGHT[2].ravel()]])
    features = read_features(tmp_path / "a.npz")
    assert sorted(features.arrays) == ["left", "right"]


def test_fingerprint_tells_inputs_apart(read, tmp_path):
    rows = np.hstack([LEFT, RIGHT.reshape(4, 4)])
    for name, arrays in {
        "flat": {"x": rows},
        "two": {"x_left": LEFT, "x_right": RIGHT},
        "other": {"x_left": LEFT, "x_right": RIGHT.reshape(4, 4)},
        "renamed": {"x_left": LEFT, "x_wrong": RIGHT},
    }.items():
        np.savez(tmp_path / f"{name}.npz", y=Y, **arrays)
    prints = [read(source="npz", path=f"{name}.npz").sha256 for name in ("flat", "two", "other", "renamed", "two")]
    assert len(set(prints)) == 4
    assert prints[1] == prints[4]


def test_weights_beside_are_no_input(read, tmp_path):
    np.savez(tmp_path / "a.npz", x_left=LEFT, x_right=RIGHT, x_weight=np.ones(4), y=Y)
    assert len(read(source="npz", path="a.npz").inputs) == 3
    assert len(read(source="npz", path="a.npz", weight="x_weight").inputs) == 2


def test_wrong_number_is_named_by_its_input(refusal, tmp_path):
    wrong = RIGHT.astype(float)
    wrong[2, 1, 0] = np.nan
    np.savez(tmp_path / "a.npz", x_left=LEFT, x_right=wrong, y=Y)
    (line,) = refusal(source="npz", path="a.npz")
    assert "received nan at right[1, 0] of row 2" in line


@pytest.mark.parametrize(("largest", "is_told"), [(2**24, False), (2**24 + 1, True), (2**24 + 2, False)])
def test_whole_numbers_that_float32_rounds_are_told(read, tmp_path, largest, is_told):
    np.savez(tmp_path / "a.npz", x_left=LEFT, x_right=np.array([1, 2, largest, 4]), y=Y)
    told = [note for note in read(source="npz", path="a.npz").notes if "float32" in note]
    rounded = "The features are trained on in float32, which rounds 1 whole number above 16,777,216."
    assert told == ([rounded] if is_told else [])


def test_function_may_return_a_dictionary(read, tmp_path):
    (tmp_path / "rows.py").write_text(
        "import numpy as np\ndef rows():\n    return {'a': np.ones((4, 2)), 'b': np.arange(4)}, [0, 1, 0, 1]\n"
        "def none():\n    return {}, [0, 1]\n"
    )
    assert read(source="rows.py:rows").inputs == (("a", (2,)), ("b", (1,)))


def test_empty_dictionary_is_refused(refusal, tmp_path):
    (tmp_path / "rows.py").write_text("def none():\n    return {}, [0, 1]\n")
    (line,) = refusal(source="rows.py:none")
    assert "expected x to hold arrays, received an empty dictionary" in line


TABLE = "a,b,c,kind,y\n1,2,3,u,0\n4,5,6,v,1\n7,8,9,u,0\n1,5,9,v,1\n"


def test_columns_of_a_table_go_to_inputs(read, tmp_path):
    (tmp_path / "t.csv").write_text(TABLE)
    dataset = read(source="csv", path="t.csv", target="y", inputs={"left": ["c", "a"], "right": ["b"]})
    assert dataset.inputs == (("left", (2,)), ("right", (1,)))
    np.testing.assert_array_equal(dataset.features, [[3, 1, 2], [6, 4, 5], [9, 7, 8], [9, 1, 5]])
    assert not dataset.standardize
    assert 'Columns that no input takes are not used: "kind".' in dataset.notes


@pytest.mark.parametrize(
    ("keys", "received"),
    [
        ({"inputs": {"left": ["a"], "right": ["d"]}}, 'expected inputs to name columns, received "d"'),
        ({"inputs": {"left": ["a"], "right": ["kind", "b"]}}, 'received text in "kind"'),
        ({"inputs": {"left": ["a"], "right": ["kind"]}}, 'expected inputs of numbers, received "right" of dtype <U1'),
        ({"inputs": {"left": ["a"], "right": ["b"]}, "shape": (2,)}, "expected shape or inputs, received both"),
    ],
)
def test_columns_that_cannot_be_inputs_are_refused(refusal, tmp_path, keys, received):
    (tmp_path / "t.csv").write_text(TABLE)
    (line,) = refusal(source="csv", path="t.csv", target="y", **keys)
    assert received in line


def test_arrays_have_no_columns_to_name(refusal, tmp_path):
    np.savez(tmp_path / "a.npz", x=LEFT, y=Y)
    (line,) = refusal(source="npz", path="a.npz", inputs={"left": ["a"]})
    assert "expected the columns of a table, since inputs names some, received arrays" in line
