"""Paired differences: the error knows that folds share rows, and that repeats are the same rows again."""

import math
from statistics import fmean, stdev

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import t as scipy_t

from search.selection import compare_pairs

FIVE = [0.3, 0.1, 0.2, 0.4, 0.0]


def test_resamples_drawn_anew_have_the_corrected_standard_error():
    found = compare_pairs(FIVE, n_train=90, n_validation=10)
    assert found.mean == pytest.approx(0.2)
    assert found.standard_error == pytest.approx(math.sqrt((1 / 5 + 1 / 9) * stdev(FIVE) ** 2))
    assert found.degrees_of_freedom == 4


def test_one_k_fold_is_compared_as_so_many_resamples():
    assert compare_pairs(FIVE, n_train=80, n_validation=20, n_folds=5) == compare_pairs(
        FIVE, n_train=80, n_validation=20
    )


@pytest.mark.parametrize("n_repeats", [2, 10, 1000])
def test_the_same_differences_listed_again_are_no_new_evidence(n_repeats):
    once = compare_pairs(FIVE, n_train=80, n_validation=20, n_folds=5)
    again = compare_pairs(FIVE * n_repeats, n_train=80, n_validation=20, n_folds=5)
    assert again.mean == pytest.approx(once.mean)
    assert again.standard_error == pytest.approx(once.standard_error)
    assert again.degrees_of_freedom == once.degrees_of_freedom
    assert again.p_value() == pytest.approx(once.p_value())


def test_variance_is_that_of_the_folds_within_their_repeat():
    """Repeats that differ in their level, and not in their folds, have no spread."""
    found = compare_pairs([0.1, 0.1, 0.3, 0.3], n_train=50, n_validation=50, n_folds=2)
    assert (found.mean, found.standard_error) == (pytest.approx(0.2), 0.0)


@given(st.integers(2, 2000))
def test_standard_error_has_a_floor_however_many_resamples_there_are(n_resamples):
    differences = [0.1 if index % 2 else 0.3 for index in range(n_resamples)]
    found = compare_pairs(differences, n_train=80, n_validation=20)
    assert found.standard_error >= math.sqrt(20 / 80) * stdev(differences)


@pytest.mark.parametrize("differences", [[], [0.3]])
def test_a_single_difference_tells_nothing_of_its_error(differences):
    assert compare_pairs(differences, n_train=80, n_validation=20) is None


def test_interval_and_chance_are_those_of_students_t():
    found = compare_pairs(FIVE, n_train=80, n_validation=20, n_folds=5)
    half = scipy_t.ppf(0.95, 4) * found.standard_error
    assert found.interval(0.9) == (pytest.approx(0.2 - half), pytest.approx(0.2 + half))
    chance = scipy_t.sf(0.2 / found.standard_error, 4)
    assert found.p_value() == pytest.approx(chance)
    assert found.p_value(n_comparisons=10) == pytest.approx(10 * chance)
    assert found.p_value(n_comparisons=10**6) == 1.0
    assert found.is_positive(chance * 1.01)
    assert not found.is_positive(chance * 0.99)
    assert not found.is_positive(chance * 1.01, n_comparisons=2)


@pytest.mark.parametrize(("level", "positive"), [(0.2, True), (0.0, False), (-0.2, False)])
def test_equal_differences_are_sure(level, positive):
    found = compare_pairs([level] * 5, n_train=80, n_validation=20)
    assert found.interval() == (pytest.approx(level), pytest.approx(level))
    assert found.is_positive(0.025) is positive


def test_differences_whose_squares_overflow_have_an_error():
    found = compare_pairs([1e200, 3e200, 2e200], n_train=80, n_validation=20)
    assert found.standard_error == pytest.approx(math.sqrt(1 / 3 + 1 / 4) * 1e200)


N_DATA_SETS, N_ROWS = 3000, 40


@pytest.fixture(scope="module")
def rows():
    """Fresh data sets of one distribution, in which two features tell the target equally well; (data sets, rows)."""
    rng = np.random.default_rng(11)
    first, second, noise = rng.normal(size=(3, N_DATA_SETS, N_ROWS))
    return first, second, first + second + noise


def differences_on(rows, train, validation):
    """By how much a line through the first feature beats one through the second, on each data set's validation rows."""
    first, second, target = rows
    losses = []
    for feature in (first, second):
        slope = (feature[:, train] * target[:, train]).sum(axis=1) / (feature[:, train] ** 2).sum(axis=1)
        losses.append(((target[:, validation] - slope[:, None] * feature[:, validation]) ** 2).mean(axis=1))
    return losses[1] - losses[0]


def false_alarms(columns, n_train, n_validation, n_folds=None):
    """Shares of data sets on which equal models are told apart at 2.5 %, with the corrected error and the naive one."""
    corrected = naive = 0
    n_differences = columns.shape[1]
    bar = scipy_t.ppf(0.975, n_differences - 1)
    for differences in columns.tolist():
        found = compare_pairs(differences, n_train=n_train, n_validation=n_validation, n_folds=n_folds)
        corrected += found.is_positive(0.025)
        naive += fmean(differences) > bar * stdev(differences) / math.sqrt(n_differences)
    return corrected / len(columns), naive / len(columns)


@pytest.mark.parametrize(("n_folds", "n_repeats"), [(5, 1), (5, 10), (2, 10), (10, 5)])
def test_equal_models_are_rarely_told_apart_by_repeated_k_fold(rows, n_folds, n_repeats):
    rng = np.random.default_rng(n_folds)
    columns = []
    for _ in range(n_repeats):
        parts = np.array_split(rng.permutation(N_ROWS), n_folds)
        for part in parts:
            columns.append(differences_on(rows, np.setdiff1d(np.arange(N_ROWS), part), part))
    n_validation = N_ROWS // n_folds
    corrected, naive = false_alarms(np.stack(columns, axis=1), N_ROWS - n_validation, n_validation, n_folds)
    assert corrected <= 0.04
    if n_repeats > 1:
        assert naive > 0.1


def test_equal_models_are_rarely_told_apart_by_fresh_resamples(rows):
    rng = np.random.default_rng(3)
    columns = []
    for _ in range(30):
        order = rng.permutation(N_ROWS)
        columns.append(differences_on(rows, order[8:], order[:8]))
    corrected, naive = false_alarms(np.stack(columns, axis=1), N_ROWS - 8, 8)
    assert corrected <= 0.04
    assert naive > 0.1
