"""Data sets that come in batches become the arrays that they were made of."""

import numpy as np
import pytest

from search.data import PlainError, collect, is_stream

X = np.arange(70, dtype=np.float32).reshape(10, 7)
Y = np.arange(10) % 3


@pytest.fixture(scope="module")
def tf():
    import tensorflow as tf

    return tf


@pytest.fixture
def sets(tf):
    import keras

    class Halves(keras.utils.PyDataset):
        def __len__(self):
            return 2

        def __getitem__(self, place):
            half = slice(5 * place, 5 * place + 5)
            return X[half], Y[half]

    rows = tf.data.Dataset.from_tensor_slices((X, Y))
    return {"rows": rows, "batches": rows.batch(4), "even batches": rows.batch(5, drop_remainder=True), "py": Halves()}


@pytest.mark.parametrize("kind", ["rows", "batches", "even batches", "py"])
def test_rows_come_out_in_their_order(sets, kind, tmp_path):
    assert is_stream(sets[kind])
    x, y = collect(sets[kind], 2**30, tmp_path / "rows")
    np.testing.assert_array_equal(x, X)
    np.testing.assert_array_equal(y, Y)


def test_several_inputs_and_targets_that_are_one_hot(tf, tmp_path):
    rows = tf.data.Dataset.from_tensor_slices(({"a": X, "b": X[:, :2]}, np.eye(3)[Y]))
    for stream in (rows, rows.batch(3)):
        x, y = collect(stream, 2**30, tmp_path / "rows")
        np.testing.assert_array_equal(x["b"], X[:, :2])
        np.testing.assert_array_equal(y, np.eye(3)[Y])


def test_arrays_and_tables_are_no_streams():
    assert not any(map(is_stream, (X, [1, 2], {"a": X}, "text", None)))


def test_what_cannot_be_collected_is_refused(sets, tf, tmp_path):
    weighted = tf.data.Dataset.from_tensor_slices((X, Y, np.ones(10)))
    cases = [
        (sets["rows"].repeat(), "expected a data set that ends, received one that repeats for ever"),
        (sets["rows"].take(0), "expected rows, received a data set without any"),
        (weighted.batch(2), "expected (x, y) of each element of the data set, received 3 values"),
        (tf.data.Dataset.from_tensor_slices(X), "expected (x, y) of each element of the data set, received ndarray"),
    ]
    for stream, message in cases:
        with pytest.raises(PlainError) as caught:
            collect(stream, 2**30, tmp_path / "rows")
        assert str(caught.value) == message


def test_function_may_return_a_data_set(read, tmp_path):
    (tmp_path / "mine.py").write_text(
        "import numpy as np\nimport tensorflow as tf\ndef load():\n"
        "    x = np.arange(70, dtype=np.float32).reshape(10, 7)\n"
        "    return tf.data.Dataset.from_tensor_slices((x, np.arange(10) % 3)).batch(4)\n"
    )
    dataset = read(source="mine.py:load", task="classification")
    np.testing.assert_array_equal(dataset.features, X)
    assert dataset.target.tolist() == Y.tolist()
