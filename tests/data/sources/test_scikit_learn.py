from __future__ import annotations

import urllib.error

import numpy as np
import pytest
from sklearn import datasets


def test_generators_give_what_scikit_learn_gives(read):
    dataset = read(source="sklearn.make_moons", options={"n_samples": 40, "noise": 0.2, "random_state": 1})
    x, y = datasets.make_moons(40, noise=0.2, random_state=1)
    np.testing.assert_array_equal(dataset.features, x.astype(np.float32))
    np.testing.assert_array_equal(dataset.target, y)
    assert (dataset.task, dataset.classes, dataset.standardize) == ("binary", ("0", "1"), False)


def test_a_list_stands_for_a_tuple(read):
    assert len(read(source="sklearn.make_moons", options={"n_samples": [10, 20]})) == 30


def test_generators_are_repeatable_without_a_random_state(read):
    options = {"n_samples": 20, "noise": 0.3}
    assert read(source="sklearn.make_moons", options=options).sha256 == (
        read(source="sklearn.make_moons", options={**options, "random_state": 0}).sha256
    )


def test_bundled_sets_are_rows(read):
    digits = read(source="sklearn.load_digits")
    assert (digits.features.shape, digits.task, len(digits.classes)) == ((1797, 64), "multiclass", 10)
    diabetes = read(source="sklearn.load_diabetes")
    assert (diabetes.task, diabetes.target.dtype, diabetes.classes) == ("regression", np.float64, ())
    assert read(source="sklearn.load_linnerud").target.shape == (20, 3)


def test_a_frame_becomes_a_table(read):
    wine = read(source="sklearn.load_wine", options={"as_frame": True})
    assert wine.features.columns[0] == "alcohol"
    assert (wine.standardize, wine.task) == (True, "multiclass")


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("make_moon", 'Did you mean "sklearn.make_moons"?'),
        ("clear_data_home", None),
        ("load_files", None),
        ("fetch_file", None),
        ("__init__", None),
    ],
)
def test_names_that_are_no_data_are_refused(refusal, name, remedy):
    (line,) = refusal(source=f"sklearn.{name}")
    assert line.startswith(f'[data]: expected a data set of sklearn.datasets, received "sklearn.{name}".')
    assert remedy is None or line.endswith(remedy)


def test_unknown_and_missing_options_are_named(refusal):
    assert refusal(source="sklearn.make_moons", options={"n_sample": 9, "x": 1}) == [
        '[data]: expected an option of make_moons, received "n_sample". Did you mean "n_samples"?',
        '[data]: expected an option of make_moons, received "x". Known are "n_samples", "shuffle", "noise", '
        '"random_state".',
    ]
    assert refusal(source="sklearn.make_spd_matrix") == [
        '[data]: expected option "n_dim" of make_spd_matrix, received none. Add n_dim to options.'
    ]
    assert refusal(source="sklearn.load_iris", options={"return_X_y": False}) == [
        '[data]: expected an option of load_iris, received "return_X_y". Known are "as_frame".'
    ]


def test_values_that_do_not_fit_are_explained(refusal):
    (line,) = refusal(source="sklearn.make_moons", options={"n_samples": "many"})
    assert line.startswith("[data]: expected options that make_moons accepts, received: The 'n_samples' parameter")


def test_functions_without_features_and_targets_are_refused(refusal):
    for name, options, received in [
        ("make_spd_matrix", {"n_dim": 3}, "ndarray"),
        ("make_regression", {"coef": True}, "3 values"),
        ("make_biclusters", {"shape": [9, 9], "n_clusters": 2}, "3 values"),
    ]:
        assert refusal(source=f"sklearn.{name}", options=options) == [
            f"[data]: expected {name} to return features and targets (x, y), received {received}. "
            "Leave out options that change what it returns."
        ]


def test_a_failed_download_is_explained(refusal, monkeypatch):
    def fetch_covtype(*, random_state=None, return_X_y=False):  # noqa: N803 - scikit-learn's name
        raise urllib.error.URLError("no network here")

    monkeypatch.setattr(datasets, "fetch_covtype", fetch_covtype)
    assert refusal(source="sklearn.fetch_covtype") == [
        "[data]: expected fetch_covtype to download its data, received URLError: <urlopen error no network here>. "
        "Check the network, or use a csv or npz file."
    ]


def test_warnings_of_scikit_learn_become_notes(read, monkeypatch):
    import warnings

    def make_blobs(random_state=None):
        warnings.warn("something odd", stacklevel=1)
        return [[1.0], [2.0], [3.0], [4.0]], [0, 1, 0, 1]

    monkeypatch.setattr(datasets, "make_blobs", make_blobs)
    assert read(source="sklearn.make_blobs").notes == ("scikit-learn says: something odd",)
