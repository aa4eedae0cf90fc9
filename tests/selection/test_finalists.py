"""The finalists: the baseline and the best others, each configuration once."""

from hypothesis import given
from hypothesis import strategies as st

from search.records import Configuration, Trial, TrialState
from search.selection import pick_finalists


def trial(number, score, **settings):
    state = TrialState.FAIL if score is None else TrialState.COMPLETE
    return Trial(number, state, Configuration(settings), score, error=None if score is not None else "diverged")


def numbers(found):
    return [each.number for each in found]


def test_the_best_follow_the_baseline():
    trials = [trial(0, 0.5), trial(1, 0.4, l2=0.1), trial(2, 0.2, l2=0.2), trial(3, 0.3, l2=0.3)]
    assert numbers(pick_finalists(trials, "minimize", 2)) == [0, 2, 3]
    assert numbers(pick_finalists(trials, "maximize", 2)) == [0, 1, 3]
    assert numbers(pick_finalists(trials, "minimize", 9)) == [0, 2, 3, 1]


def test_equal_configurations_take_one_place_and_so_does_the_baseline():
    trials = [trial(0, 0.1), trial(1, 0.1), trial(2, 0.2, l2=0.1), trial(3, 0.2, l2=0.1), trial(4, 0.3, l2=0.2)]
    assert numbers(pick_finalists(trials, "minimize", 2)) == [0, 2, 4]


def test_trials_without_a_score_are_none():
    pruned = Trial(2, TrialState.PRUNED, Configuration({"l2": 0.2}))
    assert numbers(pick_finalists([trial(0, 0.5), trial(1, None, l2=0.1), pruned], "minimize", 5)) == []
    assert numbers(pick_finalists([trial(0, 0.5), pruned, trial(3, 0.6, l2=0.3)], "minimize", 5)) == [0, 3]


def test_nothing_is_compared_without_a_baseline_or_without_another():
    assert pick_finalists([trial(0, None), trial(1, 0.4, l2=0.1)], "minimize", 5) == ()
    assert pick_finalists([trial(0, 0.5)], "minimize", 5) == ()
    assert pick_finalists([trial(0, 0.5), trial(1, 0.4, l2=0.1)], "minimize", 0) == ()


@given(st.lists(st.floats(-1, 1), min_size=2, max_size=12), st.integers(1, 12))
def test_nothing_that_is_left_out_is_better(scores, n_finalists):
    trials = [trial(number, score, **({"l2": number} if number else {})) for number, score in enumerate(scores)]
    found = pick_finalists(trials, "minimize", n_finalists)
    assert len(found) == 1 + min(n_finalists, len(scores) - 1)
    left = [each.score for each in trials if each.number not in numbers(found)]
    assert not left or max(each.score for each in found[1:]) <= min(left)
