"""Divisions that a column of the user's own tells."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.model_selection import PredefinedSplit

from search.data import Dataset, draw_stop_rows, split_rows
from search.errors import DataError
from search.spec import SplitSection


def dataset(part, **columns):
    n_rows = len(part)
    x = np.arange(n_rows, dtype=np.float32)[:, None]
    return Dataset(x, np.arange(n_rows) % 2, "binary", ("a", "b"), False, "0" * 64, part=np.array(part), **columns)


def split(part, **keys):
    return split_rows(dataset(part), SplitSection(column="part", **keys), seed=1)


NAMED = ["train", "Train ", "validation", "val", "stop", "stop", "test", "TEST", "training", "train"]


def test_names_tell_the_parts_whatever_their_case():
    splits = split(NAMED)
    (fold,) = splits.folds
    assert splits.test.tolist() == [6, 7]
    assert splits.development.tolist() == [0, 1, 2, 3, 4, 5, 8, 9]
    assert splits.development[fold.train].tolist() == [0, 1, 8, 9]
    assert splits.development[fold.stop].tolist() == [4, 5]
    assert splits.development[fold.validation].tolist() == [2, 3]


def test_rows_that_stop_are_drawn_from_those_that_train_where_none_are_named():
    splits = split([*["train"] * 12, "valid", "valid"])
    (fold,) = splits.folds
    assert len(fold.stop) == 2
    assert set(fold.train) | set(fold.stop) == set(range(12))
    assert fold.validation.tolist() == [12, 13]
    (fold,) = split([*["train"] * 12, "valid", "valid"], stop="validation").folds
    assert fold.stop.tolist() == fold.validation.tolist() == [12, 13]


@pytest.mark.parametrize("kind", [int, float, str])
def test_numbers_are_folds_as_scikit_learn_takes_them(kind):
    numbers = [0, 0, 1, 1, -1, -1, 2, 2, -1, -1, 0, 0]
    splits = split([kind(number) for number in numbers])
    expected = list(PredefinedSplit(numbers).split())
    assert [fold.validation.tolist() for fold in splits.folds] == [score.tolist() for _, score in expected]
    for fold, (train, _) in zip(splits.folds, expected, strict=True):
        assert sorted([*fold.train, *fold.stop]) == train.tolist()
    assert not len(splits.test)


def test_test_rows_may_stand_beside_folds():
    splits = split(["0", "0", "1", "1", "test", "test"] * 3, stop=0.4)
    assert splits.test.tolist() == [4, 5, 10, 11, 16, 17]
    assert len(splits.folds) == 2


def test_final_model_stops_on_the_rows_that_are_named_for_it():
    data = dataset(NAMED)
    development = data.take(split(NAMED).development)
    train, stop = draw_stop_rows(development, SplitSection(column="part"), 1)
    assert development.features[stop, 0].tolist() == [4, 5]
    assert sorted([*train, *stop]) == list(range(8))


@pytest.mark.parametrize(
    ("part", "lines"),
    [
        (
            ["train", "validation", "dev", "hold"],
            [
                '[split] column: expected a column of "train", "stop", "validation" and "test", or numbers of folds '
                'beside -1 for rows that always train, received "dev", "hold".'
            ],
        ),
        (["train", "test"] * 2, ['[split] column: expected rows of the part "validation", received none.']),
        (
            ["0", "validation", "1", "train"],
            ['[split] column: expected names of parts or numbers of folds, received "validation" beside 0.'],
        ),
        ([0, 0, 0, 0], ["[split] column: expected rows that train beside the fold 0, received none."]),
        (
            ["train", "train", "validation", "train"],
            [
                '[split] column: expected every class in the validation rows of fold 0, received no row of "b". '
                "Correct the column."
            ],
        ),
    ],
)
def test_columns_that_tell_no_division_are_refused(part, lines):
    with pytest.raises(DataError) as caught:
        split(part, stop="validation")
    assert str(caught.value).splitlines() == lines
