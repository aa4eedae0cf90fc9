from __future__ import annotations

import io
import pickle

import numpy as np
import pytest

from search.data import to_archive

X = np.arange(12, dtype=np.float64).reshape(6, 2)
Y = np.array([3, 5, 3, 5, 3, 5])


@pytest.fixture
def archive(tmp_path, read):
    def archive(**arrays):
        np.savez(tmp_path / "a.npz", **arrays)
        return read(source="npz", path="a.npz")

    return archive


@pytest.fixture
def refused(tmp_path, refusal):
    def refused(content=None, task=None, **arrays):
        if content is None:
            np.savez(tmp_path / "a.npz", **arrays)
        else:
            (tmp_path / "a.npz").write_bytes(content)
        return refusal(source="npz", path="a.npz", task=task)

    return refused


def test_x_and_y_become_float32_and_class_indices(archive):
    dataset = archive(x=X, y=Y)
    assert dataset.features.dtype == np.float32
    assert dataset.features.tolist() == X.tolist()
    assert dataset.target.tolist() == [0, 1, 0, 1, 0, 1]
    assert (dataset.classes, dataset.task, dataset.standardize) == (("3", "5"), "binary", False)


def test_train_and_test_parts_are_joined_in_this_order(archive):
    parts = archive(x_test=X[4:], y_test=Y[4:], x_train=X[:4], y_train=Y[:4])
    assert parts.sha256 == archive(x=X, y=Y).sha256


def test_arrays_that_are_not_used_are_noted(archive):
    assert archive(x=X, y=Y, w=Y, v=X).notes == ('Arrays of "a.npz" that are not used: "w", "v".',)


def test_bytes_are_scaled_and_noted(archive):
    pixels = np.array([[0, 255], [51, 0], [255, 255]], dtype=np.uint8)
    dataset = archive(x=pixels.repeat(2, axis=0), y=Y)
    assert dataset.features[::2].tolist() == [[0, 1], [np.float32(0.2), 0], [1, 1]]
    assert dataset.notes == ("The features are bytes (uint8) and were scaled from 0 ... 255 to 0 ... 1.",)
    assert archive(x=(X > 4).astype(np.uint8), y=Y).features.max() == 1


def test_dtype_of_the_target_tells_the_task(archive):
    assert archive(x=X, y=Y[:, None]).classes == ("3", "5")
    assert archive(x=X, y=np.array(list("abcabc"))).classes == ("a", "b", "c")
    assert archive(x=X, y=Y == 3).classes == ("False", "True")
    quantity = archive(x=X, y=np.array([0.5, 1, 1.5, 2, 2.5, 3]))
    assert (quantity.task, quantity.target.dtype, quantity.notes) == ("regression", np.float64, ())
    assert archive(x=X, y=X).target.shape == (6, 2)


def test_classes_stored_as_floats_are_noted(archive):
    assert archive(x=X, y=Y.astype(float)).notes == (
        "The target holds 2 different whole numbers, stored as floats, and is taken for a quantity; "
        'set task = "classification" if they are classes.',
    )


def test_constant_features_of_images_are_noted_by_index(archive):
    images = np.zeros((6, 2, 2))
    images[:, 0, 1] = np.arange(6)
    assert archive(x=images, y=Y).notes == ("3 of 4 features never change: (0, 0), (1, 0), (1, 1).",)


@pytest.mark.parametrize(
    ("arrays", "line"),
    [
        (
            {"a": X, "y": Y},
            '[data]: expected arrays "x", "y" or "x_train", "y_train", "x_test", "y_test" or "x_NAME of each input", '
            '"y_NAME of each output" in "a.npz", '
            'received "a", "y". Save them under these names with numpy.savez.',
        ),
        ({"x": X, "y": Y[:5]}, "[data]: expected a target for each of 6 rows, received shape (5,)."),
        (
            {"x": X[:, 0], "y": Y},
            "[data]: expected features of shape (rows, columns, ...), received shape (6,). "
            "For a single column use x.reshape(-1, 1).",
        ),
        ({"x": X[:, :0], "y": Y}, "[data]: expected at least 1 feature, received shape (6, 0)."),
        ({"x": X[:1], "y": Y[:1]}, "[data]: expected at least 2 rows, received 1."),
        (
            {"x": np.where(X == 5, np.nan, X), "y": Y},
            "[data]: expected a finite number in every cell of the features, received nan at index [2, 1], "
            "counted from 0. Drop or fill it. Missing cells of a table (csv, a DataFrame) are filled here.",
        ),
        (
            {"x": np.where(X > 9, 1e39, X), "y": Y},
            "[data]: expected a number that float32 can hold in every cell of the features, received 1e+39 at "
            "index [5, 0], counted from 0 (and 1 more cell). Drop or fill it.",
        ),
        (
            {"x": X, "y": np.where(Y == 3, np.inf, 1.5)},
            "[data]: expected a finite target, received inf in row 0, counted from 0 (and 2 more rows). "
            "Drop these rows.",
        ),
        (
            {"x": X + 1j, "y": Y},
            "[data]: expected features of numbers, received dtype complex128. "
            "Text columns are taken from a csv file or a pandas DataFrame.",
        ),
        (
            {"x": X, "y": np.ones((6, 2), dtype=int)},
            "[data]: expected one class label for each row, shape (n,), received shape (6, 2). "
            'Give the number of the class instead of one-hot rows, or set task = "regression".',
        ),
        (
            {"x": X, "y": np.arange(6)},
            "[data]: expected at least 2 rows of every class, received a single row of "
            '"0", "1", "2", "3", "4", "5". Drop or merge these classes. '
            'Set task = "regression" if the target is a quantity.',
        ),
        ({"x": X, "y": Y * 1j}, "[data]: expected a target of numbers or text, received dtype complex128."),
        (
            {"x_train": X, "y_train": Y, "x_test": X[:, :1], "y_test": Y},
            "[data]: expected x_train and x_test of equal shape but for their rows, received (6, 2) and (6, 1).",
        ),
    ],
)
def test_unusable_arrays_are_refused(refused, arrays, line):
    assert refused(**arrays) == [line]


@pytest.mark.parametrize(
    "content",
    [
        pickle.dumps({"x": 1}),
        pickle.dumps(["anything"], protocol=0),
    ],
)
def test_a_pickle_is_not_read(refused, content):
    assert refused(content) == [
        '[data]: expected an .npz archive of plain arrays, received "a.npz": a pickle or another kind of '
        "file. Pickles can run code and are not read. "
        "Save arrays with numpy.savez(path, x=x, y=y)."
    ]


def test_pickled_objects_in_an_archive_are_not_read(refused, tmp_path):
    class Trap:
        def __reduce__(self):
            return open, (str(tmp_path / "sprung"), "w")

    lines = refused(x=np.array([[Trap()]] * 6), y=Y)
    assert lines == [
        '[data]: expected an .npz archive of plain arrays, received "a.npz": pickled objects. '
        "Pickles can run code and are not read. "
        "Save arrays with numpy.savez(path, x=x, y=y)."
    ]
    assert not (tmp_path / "sprung").exists()


def test_other_and_damaged_files_are_refused(refused):
    buffer = io.BytesIO()
    np.savez_compressed(buffer, x=np.random.default_rng(0).normal(size=(50, 9)), y=Y)
    whole = buffer.getvalue()
    for content in (b"", b"PK\x03\x04", b"a,b\n1,2\n", whole[:200], whole[: len(whole) // 2], whole[:-30]):
        assert 'received "a.npz"' in refused(content)[0]
    for position in range(60, len(whole) - 200, 97):
        damaged = whole[:position] + bytes([whole[position] ^ 0xFF]) + whole[position + 1 :]
        assert len(refused(damaged)) == 1


def test_a_single_array_is_no_archive(refused):
    buffer = io.BytesIO()
    np.save(buffer, X)
    assert refused(buffer.getvalue()) == [
        '[data]: expected an .npz archive, received "a.npz" with a single array. '
        "Save arrays with numpy.savez(path, x=x, y=y)."
    ]


def test_columns_of_a_table_are_chosen_and_dates_are_read(tmp_path, read, refusal):
    rows = {"name": np.array(list("abcdef")), "width": X[:, 0], "day": np.array(["31/12/2024", "01/02/2023"] * 3)}
    np.savez(tmp_path / "t.npz", **to_archive(rows, Y))
    assert list(read(source="npz", path="t.npz").features.columns) == ["name", "width", "day"]
    table = read(source="npz", path="t.npz", drop=("name",), dates=("day",))
    assert list(table.features.columns) == ["width", "day"]
    assert str(table.features["day"][0].date()) == "2024-12-31"
    assert table.options.date_formats == {"day": "%d/%m/%Y"}
    assert refusal(source="npz", path="t.npz", dates=("dya",)) == [
        '[data]: expected dates to name columns of "the table", received "dya". Did you mean "day"?'
    ]
    np.savez(tmp_path / "a.npz", x=X, y=Y)
    assert refusal(source="npz", path="a.npz", drop=("name",)) == ["[data]: expected no drop for arrays, received it."]
