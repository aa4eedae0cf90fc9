"""A configuration has learned something when its runs beat the constant guess by more than noise."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.records import RunSummary
from search.selection import compare_with_constant


def run(fold, score, repeat=0):
    return RunSummary(
        trial=1,
        fold=fold,
        repeat=repeat,
        seed=7,
        score=score,
        error=None if score is not None else "diverged",
        penalty=0.0,
        epochs_trained=3,
        best_epoch=3,
        weight_norms={},
        zero_shares={},
        seconds=0.1,
        engine="fit",
        worker="host:42",
    )


def compare_runs(runs, constants, direction="minimize", n_trials=1, **rows):
    """Five folds: a run trains on four times as many rows as score it."""
    rows = {"n_train": 80, "n_validation": 20} | rows
    return compare_with_constant(runs, constants, direction, n_trials, **rows)


def compare(scores, constants, direction="minimize", **rows):
    found = compare_runs([run(fold, score) for fold, score in enumerate(scores)], constants, direction, **rows)
    assert found is not None
    return found


def test_difference_is_paired_by_fold():
    found = compare([0.1, 0.5, 0.9], [0.4, 0.7, 1.3])
    assert found.score == pytest.approx(0.8)
    assert found.difference == pytest.approx(0.3)
    # Deviation 0.1 of three differences 0.3, 0.2 and 0.4; a quarter of the rows score that train.
    assert found.paired.standard_error == pytest.approx(0.1 * (1 / 3 + 1 / 4) ** 0.5)
    assert found.paired.degrees_of_freedom == 2
    # 3.9 standard errors: above the normal bar of 2.0, below Student's 4.3 for three folds.
    assert found.learned is None


def test_repeats_of_a_k_fold_are_no_new_evidence():
    """The same five differences, listed once and ten times."""
    scores, constants = [0.5, 0.4, 0.62, 0.47, 0.41], [0.6, 0.55, 0.6, 0.5, 0.6]
    once = compare(scores, constants, n_folds=5)
    again = compare(scores * 10, constants * 10, n_folds=5)
    assert once.difference == pytest.approx(again.difference) == pytest.approx(0.09)
    assert once.paired.standard_error == pytest.approx(again.paired.standard_error)
    assert (once.learned, again.learned) == (False, False)


def test_without_the_numbers_of_rows_there_is_no_error():
    assert compare([0.1, 0.2], [0.5, 0.5], n_train=None).learned is None
    assert compare([0.1, 0.2], [0.5, 0.5], n_validation=None).paired is None
    assert compare([0.6, 0.5], [0.5, 0.5], n_train=None).learned is False


def test_difference_within_two_standard_errors_is_nothing_learned():
    found = compare([0.6, 0.5, 0.9, 0.4], [0.7, 0.7, 0.7, 0.7])
    assert found.difference == pytest.approx(0.1)
    assert not found.learned


@pytest.mark.parametrize(("score", "learned"), [(0.69, None), (0.7, False), (0.71, False)])
def test_single_run_tells_only_that_nothing_was_learned(score, learned):
    found = compare([score], [0.7])
    assert (found.paired, found.learned) == (None, learned)


def test_high_scores_beat_low_ones_when_the_score_is_maximized():
    assert compare([0.9, 0.8, 0.85], [0.5, 0.5, 0.5], "maximize").learned is True
    assert compare([0.9, 0.8, 0.85], [0.5, 0.5, 0.5], "minimize").learned is False


def test_seeds_of_a_fold_are_compared_with_the_same_guess():
    found = compare_runs([run(0, 0.1), run(0, 0.3, 1), run(1, 0.6), run(1, 0.8, 1)], [0.5, 1.0])
    assert found is not None
    assert (found.score, found.difference) == (pytest.approx(0.75), pytest.approx(0.3))


def test_seeds_of_a_fold_count_as_one():
    runs = [run(fold, 0.4 + 0.2 * fold, repeat) for fold in (0, 1) for repeat in range(50)]
    found = compare_runs(runs, [0.5, 0.8])
    assert found is not None
    assert found.difference == pytest.approx(0.15)
    assert found.paired.standard_error == pytest.approx(compare([0.4, 0.6], [0.5, 0.8]).paired.standard_error)
    assert found.paired.degrees_of_freedom == 1


def test_best_of_many_has_to_beat_the_guess_by_more():
    scores, constants = [0.5, 0.4, 0.45, 0.47], [0.6, 0.55, 0.7, 0.6]
    runs = [run(fold, score) for fold, score in enumerate(scores)]
    of_one, of_many = (compare_runs(runs, constants, n_trials=n) for n in (1, 40))
    assert of_one.difference / of_one.paired.standard_error == pytest.approx(3.43, abs=0.01)
    assert of_one.learned is True  # above Student's 3.18 for four folds
    assert of_many.learned is None  # above the normal bar of 3.23 for one of 40, below Student's 9.1


def test_runs_without_a_score_tell_nothing():
    assert compare_runs([run(0, None)], [0.5]) is None
    assert compare_runs([], [0.5]) is None


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=9), st.sampled_from(["minimize", "maximize"]))
def test_guess_learns_nothing_over_itself(scores, direction):
    found = compare(scores, scores, direction)
    assert (found.difference, found.learned) == (0.0, False)
    assert (found.paired is None) == (len(scores) == 1)
