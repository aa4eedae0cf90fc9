from __future__ import annotations

import hashlib
import itertools
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from search.data import Dataset, HeadValidation, HoldoutValidation, KFoldValidation, draw_stop_rows, split_rows
from search.errors import DataError
from search.spec import SplitSection

STORED_DRAWS = Path(__file__).with_name("stored_draws.json")
HOLDOUT = HoldoutValidation(method="holdout", fraction=0.25)


def kfold(folds=5, repeats=1):
    return KFoldValidation(method="kfold", folds=folds, repeats=repeats)


def head(train):
    return HeadValidation(method="head", train=train)


def classes(*counts):
    """A data set whose class i has counts[i] rows, in shuffled order, all rows different."""
    target = np.repeat(np.arange(len(counts)), counts)
    target = np.random.default_rng(0).permutation(target)
    return dataset(target, tuple("abcdefgh"[: len(counts)]))


def dataset(target, labels, features=None):
    x = np.arange(len(target), dtype=np.float32)[:, None] if features is None else features
    task = "regression" if not labels else "binary" if len(labels) == 2 else "multiclass"
    return Dataset(x, target, task, labels, False, "0" * 64)


def quantities(rows):
    return dataset(np.linspace(0, 1, rows, dtype=np.float32), ())


def refused(data, **section):
    with pytest.raises(DataError) as caught:
        split_rows(data, SplitSection(**section), 1)
    return str(caught.value).splitlines()


def rows_of(splits):
    return [
        splits.development.tolist(),
        splits.test.tolist(),
        *([fold.train.tolist(), fold.stop.tolist(), fold.validation.tolist()] for fold in splits.folds),
    ]


validations = st.one_of(
    st.floats(0.2, 0.5).map(lambda fraction: HoldoutValidation(method="holdout", fraction=fraction)),
    st.builds(kfold, st.integers(2, 4), st.integers(1, 3)),
    st.integers(20, 30).map(head),
)
sections = st.builds(
    SplitSection,
    test=st.one_of(st.floats(0.1, 0.4), st.integers(5, 15), st.just(0)),
    validation=validations,
    stop=st.one_of(st.floats(0.2, 0.4), st.just("validation")),
)
data_sets = st.one_of(
    st.lists(st.integers(20, 40), min_size=2, max_size=3).map(lambda counts: classes(*counts)),
    st.integers(50, 90).map(quantities),
)


@settings(deadline=None, derandomize=True, max_examples=60)
@given(data=data_sets, section=sections, seed=st.integers(0, 2**31 - 1))
def test_parts_are_disjoint_ascending_complete_and_repeatable(data, section, seed):
    try:
        splits = split_rows(data, section, seed)
    except DataError:
        if isinstance(section.validation, HeadValidation):
            reject()  # the first rows may lack a class
        raise
    everything = np.sort(np.concatenate([splits.development, splits.test]))
    assert everything.tolist() == list(range(len(data)))
    assert np.all(np.diff(splits.development) > 0)
    development = list(range(len(splits.development)))
    for number, fold in enumerate(splits.folds):
        assert fold.number == number
        parts = [fold.train, fold.validation]
        if section.stop == "validation":
            assert fold.stop.tolist() == fold.validation.tolist()
        else:
            parts.append(fold.stop)
        assert np.sort(np.concatenate(parts)).tolist() == development  # disjoint, and no test row has a position
        for part in (fold.train, fold.stop, fold.validation):
            assert len(part) > 0
            assert part.dtype == np.int64
            assert np.all(np.diff(part) > 0)
            if data.classes:
                assert set(data.target[splits.development[part]]) == set(range(len(data.classes)))
    assert rows_of(split_rows(data, section, seed)) == rows_of(splits)


@settings(deadline=None, derandomize=True, max_examples=30)
@given(counts=st.lists(st.integers(10, 60), min_size=2, max_size=4), seed=st.integers(0, 1000))
def test_draws_are_stratified(counts, seed):
    data = classes(*counts)
    splits = split_rows(data, SplitSection(test=0.3, validation=kfold(3)), seed)
    shares = np.array(counts) / sum(counts)
    labels = data.target[splits.test]
    assert np.all(np.abs(np.bincount(labels) - shares * len(labels)) <= 1)
    for fold in splits.folds:
        for part in (fold.train, fold.stop, fold.validation):
            labels = data.target[splits.development[part]]
            assert np.all(np.abs(np.bincount(labels) - shares * len(labels)) <= 2.5)


def test_every_row_scores_once_a_repeat_and_repeats_differ():
    folds = split_rows(classes(20, 30), SplitSection(validation=kfold(5, 2)), 3).folds
    assert [fold.number for fold in folds] == list(range(10))
    for repeat in (folds[:5], folds[5:]):
        assert sorted(np.concatenate([fold.validation for fold in repeat])) == list(range(50))
    assert folds[0].validation.tolist() != folds[5].validation.tolist()


def test_more_repeats_leave_the_first_folds_as_they_were():
    first = rows_of(split_rows(classes(20, 30), SplitSection(validation=kfold(5, 1)), 3))
    assert rows_of(split_rows(classes(20, 30), SplitSection(validation=kfold(5, 3)), 3))[:7] == first


def test_test_rows_do_not_depend_on_how_the_others_are_divided():
    data = classes(30, 30)
    sections = [SplitSection(test=0.3, validation=v, stop=s) for v in (HOLDOUT, kfold()) for s in (0.2, "validation")]
    assert len({split_rows(data, section, 5).test.tobytes() for section in sections}) == 1
    assert len({split_rows(data, sections[0], seed).test.tobytes() for seed in range(5)}) == 5


def test_shares_round_and_counts_count():
    assert len(split_rows(quantities(100), SplitSection(test=0.07), 1).test) == 7
    assert len(split_rows(quantities(100), SplitSection(test=33), 1).test) == 33
    assert len(split_rows(quantities(100), SplitSection(test=0), 1).test) == 0
    assert len(split_rows(quantities(20), SplitSection(test=0.001), 1).test) == 1


def test_head_trains_on_the_first_rows_outside_the_test_rows():
    data = classes(30, 30)
    splits = split_rows(data, SplitSection(test=10, validation=head(30), stop=0.2), 1)
    (fold,) = splits.folds
    assert np.union1d(fold.train, fold.stop).tolist() == list(range(30))
    assert fold.validation.tolist() == list(range(30, 50))
    assert len(fold.stop) == 6
    assert splits.development.tolist() == sorted(splits.development)


def test_folds_draw_their_stop_rows_independently():
    folds = split_rows(quantities(200), SplitSection(validation=kfold(2)), 1).folds
    assert len({(np.searchsorted(np.union1d(f.train, f.stop), f.stop)).tobytes() for f in folds}) == 2


@pytest.mark.parametrize(
    ("data", "section", "lines"),
    [
        (
            quantities(20),
            {"test": 20},
            ["[split] test: expected fewer test rows than the 20 to draw from, received 20. Change split.test."],
        ),
        (
            classes(9, 9, 9),
            {"test": 2},
            ["[split] test: expected at least 3 test rows, one for each class, received 2. Change split.test."],
        ),
        (
            classes(9, 9, 9),
            {"test": 25},
            ["[split] test: expected at least 3 development rows, one for each class, received 2. Change split.test."],
        ),
        (
            classes(100, 2),
            {"test": 5},
            ['[split] test: expected every class in the test rows, received no row of "b". Change split.test.'],
        ),
        (
            quantities(4),
            {"validation": kfold(5)},
            ["[split] validation: expected at least 5 rows for 5 folds, received 4. Lower split.validation.folds."],
        ),
        (
            classes(40, 4),
            {"validation": kfold(5)},
            [
                "[split] validation: expected at least 5 rows of every class for 5 folds, received 4 of class "
                '"b". Lower split.validation.folds.'
            ],
        ),
        (
            quantities(20),
            {"test": 10, "validation": head(10)},
            ["[split] validation: expected train to be less than the 10 rows outside the test rows, received 10."],
        ),
        (
            dataset(np.array([0] * 10 + [1] * 10), ("a", "b")),
            {"validation": head(10)},
            [
                "[split] validation: expected every class in the training rows of fold 0, received no row of "
                '"b". Change split.validation, or shuffle the rows of the file.',
                "[split] validation: expected every class in the validation rows of fold 0, received no row of "
                '"a". Change split.validation, or shuffle the rows of the file.',
            ],
        ),
        (
            classes(40, 5),
            {"validation": kfold(5), "stop": 0.1},
            [
                '[split] stop: expected every class in the stop rows, received no row of "b". '
                'Change split.stop to another share of the training rows, or set it to "validation".'
            ],
        ),
        (
            classes(40, 2),
            {"validation": kfold(2)},
            [
                "[split] stop: expected at least 2 rows of every class for stop rows and other training rows, "
                'received fewer of "b". Change split.stop to another share of the training rows, or set it to '
                '"validation".'
            ],
        ),
        (
            quantities(2),
            {"validation": head(1)},
            [
                "[split] stop: expected fewer stop rows than the 1 to draw from, received 1. Change split.stop to "
                'another share of the training rows, or set it to "validation".'
            ],
        ),
    ],
)
def test_splits_that_cannot_be_made_are_refused(data, section, lines):
    assert refused(data, **section) == lines


def test_problem_that_all_folds_share_is_told_once():
    assert len(refused(classes(40, 5), validation=kfold(5, 3), stop=0.1)) == 1


def test_watching_the_rows_that_score_needs_no_stop_rows():
    (fold,) = split_rows(
        classes(2, 2), SplitSection(validation=HoldoutValidation(method="holdout", fraction=0.5), stop="validation"), 1
    ).folds
    assert (len(fold.train), fold.stop.tolist()) == (2, fold.validation.tolist())


def test_rows_on_both_sides_of_a_division_are_counted():
    target = np.array([0, 1] * 20)
    data = dataset(target, ("a", "b"), features=target[:, None].astype(np.float32))
    splits = split_rows(data, SplitSection(test=10, validation=kfold(3)), 1)
    assert splits.notes == (
        "Equal in features and target: 10 test rows and a development row.",
        "Equal in features and target: up to 10 validation rows of a fold (30 over 3 folds) and a training row.",
    )
    single = split_rows(data, SplitSection(validation=HOLDOUT, stop="validation"), 1)
    assert single.notes == ("Equal in features and target: 10 validation rows and a training row.",)
    assert split_rows(classes(20, 20), SplitSection(test=10), 1).notes == ()


@pytest.mark.parametrize("stop", [0.25, "validation"])
def test_stop_rows_of_a_run_on_everything_are_a_stratified_share(stop):
    dataset = Dataset(np.ones((40, 1), np.float32), np.arange(40) % 2, "binary", ("0", "1"), False, "0")
    rest, stopping = draw_stop_rows(dataset, SplitSection(stop=stop), 3)
    assert sorted([*rest, *stopping]) == list(range(40))
    assert len(stopping) == (10 if stop == 0.25 else 8)
    assert np.bincount(stopping % 2).tolist() == [len(stopping) // 2] * 2


def digest_of_draws(data, section, seed):
    """Everything that `split_rows` and `draw_stop_rows` draw, as 16 hexadecimal digits."""
    splits = split_rows(data, section, seed)
    folds = (part for fold in splits.folds for part in (fold.train, fold.stop, fold.validation))
    digest = hashlib.sha256()
    for part in (splits.development, splits.test, *folds, *draw_stop_rows(data, section, seed)):
        digest.update(f"{len(part)}:".encode() + part.astype("<i8").tobytes())
    return digest.hexdigest()[:16]


def test_draws_are_those_that_stored_studies_began_with():
    """Whoever changes how rows are drawn finds these digests changed, and with them every stored study."""
    data_sets = {
        "two classes": classes(30, 41),
        "three classes": classes(20, 25, 31),
        "quantities": quantities(73),
    }
    validations = {"holdout": HOLDOUT, "kfold": kfold(3, 2), "head": head(30)}
    cases = itertools.product(data_sets, validations, (0, 0.3, 11), (0.2, "validation"))
    drawn = {
        f"{name}, {method}, test {test}, stop {stop}": digest_of_draws(
            data_sets[name], SplitSection(test=test, validation=validations[method], stop=stop), 7
        )
        for name, method, test, stop in cases
    }
    assert drawn == json.loads(STORED_DRAWS.read_text())


def test_rows_score_by_the_default_of_a_holdout():
    assert SplitSection().validation == HoldoutValidation(method="holdout")
