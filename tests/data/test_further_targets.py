"""Targets of several outputs: from an archive, a function's dictionary, columns of a table and a program's memory."""

import numpy as np
import pytest

from search.data import to_archive, to_arrays
from search.data.sources.raw import unpack
from search.data.streams import collect
from search.errors import DataError

X = np.arange(12, dtype=np.float32).reshape(6, 2)
KIND = np.array(["b", "a", "c", "a", "b", "c"])
SIZE = np.array([0.5, 1.5, 2.5, 3.5, 4.5, 5.5])


@pytest.fixture
def archive(tmp_path):
    np.savez(tmp_path / "a.npz", x=X, y_size=SIZE, y_kind=KIND)
    return {"source": "npz", "path": "a.npz"}


def told(dataset):
    return [(each.name, each.n_outputs, each.task) for each in dataset.named_outputs]


def test_first_target_is_the_studys_and_the_others_train_beside_it(read, archive):
    dataset = read(**archive)
    assert told(dataset) == [("size", 1, "regression"), ("kind", 3, "multiclass")]
    np.testing.assert_array_equal(dataset.target, SIZE)
    (kind,) = dataset.further
    np.testing.assert_array_equal(kind.values, [1, 0, 2, 0, 1, 2])
    assert kind.classes == ("a", "b", "c")
    part = dataset.take([4, 2])
    np.testing.assert_array_equal(part.target, SIZE[[4, 2]])
    np.testing.assert_array_equal(part.further[0].values, [1, 2])


def test_objective_names_another_one(read, archive):
    dataset = read(output="kind", **archive)
    assert told(dataset) == [("kind", 3, "multiclass"), ("size", 1, "regression")]
    assert dataset.classes == ("a", "b", "c")


def test_one_target_has_no_name(read, refusal, tmp_path):
    np.savez(tmp_path / "one.npz", x=X, y=SIZE)
    assert told(read(source="npz", path="one.npz")) == []
    (line,) = refusal(source="npz", path="one.npz", output="kind")
    assert 'expected no output, since the data has one target, received "kind"' in line


def test_output_that_is_not_there_is_refused_with_the_nearest(refusal, archive):
    (line,) = refusal(output="kinds", **archive)
    assert line == '[objective]: expected output to be one of "size", "kind", received "kinds". Did you mean "kind"?'


@pytest.mark.parametrize(
    ("values", "received"),
    [
        (SIZE[:3], "expected a target for each of 6 rows, received (3,)"),
        (np.array(["a"] * 6), 'expected at least 2 classes, received only "a"'),
        (np.where(SIZE > 5, np.nan, SIZE), "expected a finite target, received nan in row 5"),
    ],
)
def test_further_target_is_held_to_what_a_target_is(refusal, tmp_path, values, received):
    np.savez(tmp_path / "a.npz", x=X, y_size=SIZE, y_other=values)
    (line,) = refusal(source="npz", path="a.npz")
    assert line.startswith('[data] target "other": ')
    assert received in line


def test_fingerprint_knows_every_target(read, tmp_path):
    cases = {
        "both": {"y_size": SIZE, "y_kind": KIND},
        "other": {"y_size": SIZE, "y_kind": KIND[::-1]},
        "renamed": {"y_size": SIZE, "y_sort": KIND},
        "alone": {"y_size": SIZE},
    }
    for name, arrays in cases.items():
        np.savez(tmp_path / f"{name}.npz", x=X, **arrays)
    prints = [read(source="npz", path=f"{name}.npz").sha256 for name in (*cases, "both")]
    assert len(set(prints)) == 4
    assert prints[0] == prints[-1]


def test_function_may_return_a_dictionary(read, tmp_path):
    (tmp_path / "rows.py").write_text(
        "import numpy as np\ndef rows():\n    x = np.arange(12.0).reshape(6, 2)\n"
        "    return {'left': x, 'right': x}, {'a': x[:, 0], 'b': [0, 1, 0, 1, 0, 1]}\n"
    )
    dataset = read(source="rows.py:rows")
    assert told(dataset) == [("a", 1, "regression"), ("b", 2, "binary")]
    assert [name for name, _ in dataset.inputs] == ["left", "right"]


TABLE = "p,q,size,kind,one,two\n" + "".join(
    f"{row},{row % 2},{row + 0.5},{'no' if row % 3 else 'yes'},{row % 2},{1 - row % 2}\n" for row in range(8)
)


def test_columns_of_a_table_go_to_outputs(read, refusal, tmp_path):
    (tmp_path / "t.csv").write_text(TABLE)
    target = {"size": "size", "kind": ["kind"], "pair": ["one", "two"]}
    dataset = read(source="csv", path="t.csv", target=target)
    assert told(dataset) == [("size", 1, "regression"), ("kind", 2, "binary"), ("pair", 2, "regression")]
    assert list(dataset.features.columns) == ["p", "q"]
    assert dataset.further[0].classes == ("no", "yes")
    (line,) = refusal(source="csv", path="t.csv", target={"size": "size", "kind": "sort"})
    assert 'expected target to name a column of "t.csv", received "sort"' in line
    (line,) = refusal(source="csv", path="t.csv", target={"size": "size", "kind": "size"})
    assert 'expected each target for one output, received "size" for several' in line


def test_rows_in_memory_may_have_several_targets():
    features, target = to_arrays(X, {"size": SIZE, "kind": KIND}, (X[:2], {"kind": KIND[:2], "size": SIZE[:2]}))
    assert len(features) == 8
    arrays = to_archive(features, target)
    assert list(arrays) == ["x", "y_size", "y_kind"]
    np.testing.assert_array_equal(unpack(arrays, "y").arrays["kind"], [*KIND, *KIND[:2]])
    with pytest.raises(DataError, match="received others"):
        to_arrays(X, {"size": SIZE}, (X[:2], {"kind": KIND[:2]}))


def test_batches_may_have_several_targets(tmp_path):
    import tensorflow as tf

    stream = tf.data.Dataset.from_tensor_slices((X, {"size": SIZE, "kind": KIND == "a"}))
    for each in (stream, stream.batch(4)):
        x, y = collect(each, 2**30, tmp_path / "rows")
        np.testing.assert_array_equal(x, X)
        np.testing.assert_array_equal(y["size"], SIZE)
        np.testing.assert_array_equal(y["kind"], KIND == "a")
