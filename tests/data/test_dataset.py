from __future__ import annotations

import pickle
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from search.data import Dataset
from search.data.dataset import fingerprint, row_keys

X = np.array([[1, 2], [3, 4], [1, 2], [-0.0, 5], [0.0, 5]], dtype=np.float32)
Y = np.array([0, 1, 0, 1, 1])


def dataset(features=X, target=Y):
    return Dataset(features, target, "binary", ("a", "b"), False, "f" * 64, ("a note",))


def table():
    return pd.DataFrame({"n": X[:, 0].astype(float), "t": pd.Series(list("uvuww"), dtype=object)})


def test_take_keeps_everything_but_the_rows():
    part = dataset().take([3, 0])
    assert part.features.tolist() == [[0, 5], [1, 2]]
    assert part.target.tolist() == [1, 0]
    assert (part.classes, part.sha256, part.notes, len(part)) == (("a", "b"), "f" * 64, ("a note",), 2)
    rows = dataset(table()).take(np.array([1, 3])).features
    assert rows["t"].tolist() == ["v", "w"]
    assert rows.index.tolist() == [0, 1]


def test_a_row_without_a_target_is_impossible():
    with pytest.raises(ValueError, match="expected a target for each of 5 rows, received 4"):
        dataset(X, Y[:4])


@pytest.mark.parametrize("features", [X, table()], ids=["array", "table"])
def test_it_pickles(features):
    copy = pickle.loads(pickle.dumps(dataset(features)))
    assert fingerprint(copy.features, copy.target, (), ()) == fingerprint(features, Y, (), ())


def test_fingerprint_does_not_depend_on_dtype_layout_or_byte_order():
    expected = fingerprint(X, Y, (), ("a", "b"))
    assert len(expected) == 64
    for variant in (X.astype(np.float64), np.asfortranarray(X), X.astype(">f4"), X + 0.0):
        assert fingerprint(variant, Y.astype(np.int32), (), ("a", "b")) == expected


def test_fingerprint_is_a_constant_of_the_data():
    assert fingerprint(X, Y, ("y",), ("a", "b")) == FINGERPRINT_OF_ARRAY
    assert fingerprint(table(), Y, ("y",), ("a", "b")) == FINGERPRINT_OF_TABLE


FINGERPRINT_OF_ARRAY = "953f0e43fd9074ba8c5f5c7a45d95d36cdad3030e0374b1e4cda9875ba8db495"
FINGERPRINT_OF_TABLE = "df788c50e40269d7ad50b7e8eed3448ae8272483ae7ed31241e016d65891ad68"


def test_fingerprint_changes_with_order_values_names_and_shape():
    frame = table()
    variants = [
        (X, Y, (), ("a", "b")),
        (X[::-1], Y, (), ("a", "b")),
        (X, Y[::-1], (), ("a", "b")),
        (X, Y, (), ("a", "c")),
        (X, Y, ("y",), ("a", "b")),
        (X[:, None], Y, (), ("a", "b")),
        (frame, Y, (), ("a", "b")),
        (frame.rename(columns={"n": "m"}), Y, (), ("a", "b")),
        (frame[["t", "n"]], Y, (), ("a", "b")),
        (frame.assign(t=pd.Series(list("uvuwx"), dtype=object)), Y, (), ("a", "b")),
    ]
    assert len({fingerprint(*variant) for variant in variants}) == len(variants)


def test_fingerprint_reads_large_data_in_blocks(monkeypatch):
    whole = fingerprint(X, Y, (), ())
    monkeypatch.setattr("search.data.dataset._CELLS_PER_BLOCK", 3)
    assert fingerprint(X, Y, (), ()) == whole


def test_equal_rows_have_equal_keys():
    assert row_keys(dataset()).tolist() == [0, 1, 0, 2, 2]
    assert row_keys(dataset(table())).tolist() == [0, 1, 0, 2, 2]
    assert row_keys(dataset(X, np.array([0, 1, 1, 1, 1]))).tolist() == [0, 1, 2, 3, 3]


def test_importing_the_package_is_light():
    script = "import search.data, sys; print([m for m in sys.modules if m.split('.')[0] in %r])"
    heavy = {"sklearn", "pandas", "scipy", "keras", "tensorflow", "optuna"}
    done = subprocess.run([sys.executable, "-c", script % heavy], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
