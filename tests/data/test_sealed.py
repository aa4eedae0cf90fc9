"""Sealed rows are opened on record, by the process that read them."""

import pickle

import numpy as np
import pytest

from search.data import Dataset, SealedRows


@pytest.fixture
def sealed():
    features = np.arange(20, dtype=np.float32).reshape(10, 2)
    dataset = Dataset(features, np.arange(10) % 2, "binary", ("a", "b"), standardize=False, sha256="ab")
    return SealedRows(dataset, np.array([3, 7]))


def test_look_is_on_record_before_the_rows_are_seen(sealed):
    looks = []
    rows = sealed.open(looks.append)
    assert looks == [sealed.sha256]
    np.testing.assert_array_equal(rows.features, [[6, 7], [14, 15]])
    np.testing.assert_array_equal(rows.target, [1, 1])


def test_rows_stay_sealed_when_the_record_fails(sealed):
    def refuse(sha256):
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="the disk is full"):
        sealed.open(refuse)


def test_fingerprint_depends_on_the_data_and_on_which_rows_they_are(sealed):
    others = SealedRows(sealed._dataset, np.array([3, 8]))
    assert len({sealed.sha256, others.sha256}) == 2
    assert sealed.sha256 == SealedRows(sealed._dataset, np.array([3, 7])).sha256


def test_sealed_rows_never_travel_and_show_nothing(sealed):
    with pytest.raises(TypeError, match="sealed rows do not leave the process that read them"):
        pickle.dumps(sealed)
    assert repr(sealed) == "SealedRows(2 rows)"
    assert len(sealed) == 2
