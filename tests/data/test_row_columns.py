"""Rows with groups, an order and weights: what is drawn, whatever the draw."""

from __future__ import annotations

import dataclasses
import itertools
import pickle

import numpy as np
import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st
from sklearn.model_selection import TimeSeriesSplit

from search.data import Dataset, HeadValidation, HoldoutValidation, KFoldValidation, draw_stop_rows, split_rows
from search.data.dataset import fingerprint
from search.errors import DataError
from search.spec import SplitSection


def dataset(target, **columns):
    x = np.arange(len(target), dtype=np.float32)[:, None]
    if target.dtype == np.float32:
        return Dataset(x, target, "regression", (), False, "0" * 64, **columns)
    classes = tuple("abc"[: target.max() + 1])
    return Dataset(x, target, "binary" if len(classes) == 2 else "multiclass", classes, False, "0" * 64, **columns)


def quantities(n_rows, **columns):
    return dataset(np.linspace(0, 1, n_rows, dtype=np.float32), **columns)


def holdout(fraction=0.25):
    return HoldoutValidation(method="holdout", fraction=fraction)


def kfold(folds=5, repeats=1):
    return KFoldValidation(method="kfold", folds=folds, repeats=repeats)


def head(train):
    return HeadValidation(method="head", train=train)


def sides_of(data, section, seed):
    """For each division the parts that no group may share, from the first in order to the last, as positions.

    Rows that stop are left out where they are those that score. Few rows may lack a class: such a case is passed over.
    """
    try:
        splits = split_rows(data, section, seed)
        divisions = [list(draw_stop_rows(data, section, seed))]
    except DataError as error:
        if "expected every class in" in str(error):
            reject()
        raise
    for fold in splits.folds:
        stop = [] if section.stop == "validation" else [fold.stop]
        parts = [splits.development[part] for part in (fold.train, *stop, fold.validation)]
        divisions.append([*parts, splits.test] if section.test else parts)
    return divisions


def lies_before(values, earlier, later):
    return values[earlier].max() < values[later].min()


sections = st.builds(
    SplitSection,
    test=st.sampled_from([0, 0.15, 0.3, 20]),
    validation=st.one_of(
        st.sampled_from([0.2, 0.25, 0.4]).map(holdout), st.integers(2, 4).map(kfold), st.integers(30, 60).map(head)
    ),
    stop=st.sampled_from([0.1, 0.2, 0.5, "validation"]),
)
seeds = st.integers(0, 2**31 - 1)


@st.composite
def targets(draw, n_rows):
    if draw(st.booleans()):
        return np.linspace(0, 1, n_rows, dtype=np.float32)
    return np.random.default_rng(draw(seeds)).permutation(np.arange(n_rows) % draw(st.integers(2, 3)))


@st.composite
def grouped(draw):
    """120 rows in groups of one to five, the groups next to one another so that `head` can divide them."""
    sizes = draw(st.lists(st.integers(1, 5), min_size=120, max_size=120))
    groups = np.repeat(np.arange(120) * 7 % 121, sizes)[:120]
    return dataset(draw(targets(120)), groups=groups.astype(str) if draw(st.booleans()) else groups)


@st.composite
def ordered(draw):
    """120 rows at 60 to 120 different places, in shuffled order."""
    order = np.random.default_rng(draw(seeds)).integers(0, draw(st.integers(60, 500)), 120)
    return dataset(draw(targets(120)), order=np.datetime64("2020-01-01") + order if draw(st.booleans()) else order)


@settings(deadline=None, derandomize=True, max_examples=150)
@given(data=grouped(), section=sections, seed=seeds)
def test_no_group_stands_on_two_sides(data, section, seed):
    for sides in sides_of(data, section, seed):
        assert all(len(side) for side in sides)
        groups = [set(data.groups[side]) for side in sides]
        assert sum(map(len, groups)) == len(set.union(*groups))


@settings(deadline=None, derandomize=True, max_examples=150)
@given(data=ordered(), section=sections, seed=seeds)
def test_what_is_sealed_follows_what_scores_which_follows_what_stops_and_what_trains(data, section, seed):
    for sides in sides_of(data, section, seed):
        assert all(len(side) for side in sides)
        assert all(lies_before(data.order, *pair) for pair in itertools.pairwise(sides))


@settings(deadline=None, derandomize=True, max_examples=100)
@given(data=ordered(), section=sections, seed=seeds, width=st.integers(1, 4))
def test_groups_and_order_are_respected_together(data, section, seed, width):
    places = np.unique(data.order, return_inverse=True)[1]
    data = dataclasses.replace(data, groups=places // width)
    for sides in sides_of(data, section, seed):
        assert all(lies_before(data.order, *pair) for pair in itertools.pairwise(sides))
        groups = [set(data.groups[side]) for side in sides]
        assert sum(map(len, groups)) == len(set.union(*groups))


@settings(deadline=None, derandomize=True, max_examples=50)
@given(data=st.one_of(grouped(), ordered()), section=sections, seed=seeds)
def test_the_same_arguments_draw_the_same_rows(data, section, seed):
    once, again = ([[side.tolist() for side in sides] for sides in sides_of(data, section, seed)] for _ in range(2))
    assert once == again


@settings(deadline=None, derandomize=True, max_examples=50)
@given(n_rows=st.integers(40, 200), folds=st.integers(2, 8), seed=seeds)
def test_folds_in_order_are_those_of_time_series_split(n_rows, folds, seed):
    order = np.random.default_rng(seed).permutation(n_rows)
    data = quantities(n_rows, order=order)
    made = split_rows(data, SplitSection(validation=kfold(folds), stop="validation"), 1).folds
    expected = TimeSeriesSplit(folds).split(np.zeros(n_rows))
    for fold, (train, validation) in zip(made, expected, strict=True):
        assert sorted(order[fold.train]) == train.tolist()
        assert sorted(order[fold.validation]) == validation.tolist()


def test_groups_are_drawn_near_the_share_and_in_proportion_to_the_classes():
    target = np.repeat(np.arange(200) % 2, 3) ^ (np.arange(600) % 10 == 0)
    data = dataset(target.astype(np.int64), groups=np.repeat(np.arange(200), 3))
    for seed in range(5):
        splits = split_rows(data, SplitSection(test=0.3, validation=kfold(4)), seed)
        assert len(splits.test) == pytest.approx(180, abs=12)
        assert data.target[splits.test].mean() == pytest.approx(target.mean(), abs=0.05)
        for fold in splits.folds:
            assert len(fold.validation) == pytest.approx(105, abs=9)
            assert len(fold.stop) == pytest.approx(63, abs=9)
            validation = splits.development[fold.validation]
            assert data.target[validation].mean() == pytest.approx(target.mean(), abs=0.05)


def test_groups_are_drawn_by_the_seed_and_repeats_differ():
    data = quantities(100, groups=np.arange(100) // 4)
    assert len({split_rows(data, SplitSection(test=0.2), seed).test.tobytes() for seed in range(5)}) == 5
    folds = split_rows(data, SplitSection(validation=kfold(5, 2)), 1).folds
    assert sorted(np.concatenate([fold.validation for fold in folds[5:]])) == list(range(100))
    assert folds[0].validation.tolist() != folds[5].validation.tolist()
    first = split_rows(data, SplitSection(validation=kfold(5)), 1).folds
    assert [fold.validation.tolist() for fold in first] == [fold.validation.tolist() for fold in folds[:5]]


def test_a_rare_class_is_drawn_where_groups_allow_it():
    groups = np.arange(60) // 3
    target = np.isin(groups, (4, 11)).astype(np.int64)
    for seed in range(10):
        rest, drawn = draw_stop_rows(dataset(target, groups=groups), SplitSection(stop=0.2), seed)
        assert set(target[rest]) == set(target[drawn]) == {0, 1}


def test_every_row_scores_in_no_fold_before_those_that_train_where_rows_have_an_order():
    data = quantities(60, order=np.arange(60)[::-1])
    first, *_ = split_rows(data, SplitSection(test=10, validation=kfold(4), stop=0.2), 1).folds
    development = np.arange(10, 60)  # the last in order are the first rows
    assert data.order[development[first.train]].tolist() == list(range(7, -1, -1))
    assert data.order[development[first.stop]].tolist() == [9, 8]
    assert data.order[development[first.validation]].tolist() == list(range(19, 9, -1))


@pytest.mark.parametrize(
    ("data", "section", "line"),
    [
        (
            quantities(20, groups=np.zeros(20)),
            {"test": 0.2},
            "[split] test: expected at least 2 groups for test rows and development rows, received 1. "
            "Change split.test.",
        ),
        (
            quantities(20, groups=np.arange(20) // 5),
            {"validation": kfold(5)},
            "[split] validation: expected at least 5 groups for 5 folds, received 4. Lower split.validation.folds.",
        ),
        (
            quantities(20, groups=np.arange(20) % 2),
            {"validation": head(10)},
            "[split] validation: expected training rows and then validation rows, received rows of one part (groups "
            "and rows of equal place stay together). Put the rows of each group next to one another, or choose "
            "another method.",
        ),
        (
            quantities(20, order=np.zeros(20)),
            {"test": 0.2},
            "[split] test: expected development rows and then test rows, received rows of one part (groups and rows "
            "of equal place stay together). Change split.test.",
        ),
        (
            quantities(20, order=np.arange(20) // 5),
            {"validation": kfold(4)},
            "[split] validation: expected at least 5 parts to follow one another, received 4 (groups and rows of "
            "equal place stay together). Lower split.validation.folds.",
        ),
        (
            quantities(20, order=np.arange(20)),
            {"validation": kfold(4, 2)},
            "[split] validation: expected repeats = 1 for rows in order, received 2. Folds in order are the same "
            "each time.",
        ),
        (
            dataset(np.repeat([0, 1], 10), order=np.arange(20)),
            {"test": 0.2},
            '[split] test: expected every class in the test rows, received no row of "a". Change split.test.',
        ),
    ],
)
def test_divisions_that_groups_or_order_forbid_are_refused(data, section, line):
    with pytest.raises(DataError) as caught:
        split_rows(data, SplitSection(**section), 1)
    assert str(caught.value) == line


COLUMNS = {
    "groups": np.array(["x", "y", "x", "z"]),
    "order": np.array([3, 1, 2, 2]),
    "weight": np.array([0, 1, 0.5, 2], dtype=np.float32),
}


def test_taken_rows_keep_their_columns():
    part = pickle.loads(pickle.dumps(quantities(4, **COLUMNS))).take([3, 0])
    assert {name: column.tolist() for name, column in part.row_columns.items()} == {
        "groups": ["z", "x"],
        "order": [2, 3],
        "weight": [2, 0],
    }


def test_columns_are_part_of_the_fingerprint_where_there_are_any():
    data = quantities(4)
    plain = fingerprint(data.features, data.target, (), ())
    assert fingerprint(data.features, data.target, (), (), data.row_columns) == plain
    variants = [{name: column} for name, column in COLUMNS.items()]
    variants += [{name: column[::-1]} for name, column in COLUMNS.items()]
    variants += [{"groups": COLUMNS["order"]}, {"order": COLUMNS["order"].astype("datetime64[D]")}, COLUMNS]
    prints = {fingerprint(data.features, data.target, (), (), variant) for variant in variants}
    assert len(prints | {plain}) == len(variants) + 1


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"groups": np.arange(3)}, r"expected groups of shape \(4,\), received shape \(3,\)"),
        ({"order": np.ones((4, 1))}, r"expected order of shape \(4,\), received shape \(4, 1\)"),
        ({"order": np.array([1, np.nan, 2, 3])}, "expected order of numbers, times or text without missing ones"),
        ({"groups": np.array([None, 1, 2, 3])}, "expected groups of numbers, times or text without missing ones"),
        ({"order": np.array(["2020", "NaT"] * 2, "datetime64[D]")}, "expected order of numbers, times or text"),
        ({"weight": np.ones(4)}, "expected weight of finite float32 numbers of at least 0"),
        ({"weight": np.array([1, -1, 1, 1], np.float32)}, "expected weight of finite float32 numbers of at least 0"),
        ({"weight": np.array([1, np.inf, 1, 1], np.float32)}, "expected weight of finite float32 numbers"),
    ],
)
def test_columns_that_do_not_fit_are_impossible(columns, message):
    with pytest.raises(ValueError, match=message):
        quantities(4, **columns)
