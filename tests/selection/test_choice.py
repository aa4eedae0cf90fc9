"""The best trial, the baseline, and the gain between them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.records import Configuration, Trial, TrialState
from search.selection import Choice, best_trial, choose


def trial(number, score, state=TrialState.COMPLETE):
    return Trial(number, state, Configuration({"l2": 0.1} if number else {}), score)


def test_best_is_the_lowest_or_the_highest_score():
    trials = [trial(0, 0.5), trial(1, 0.2), trial(2, 0.9)]
    assert best_trial(trials, "minimize").number == 1
    assert best_trial(trials, "maximize").number == 2


def test_equal_scores_choose_the_earliest_so_that_a_tie_shows_no_gain():
    chosen = choose([trial(2, 0.5), trial(1, 0.5), trial(0, 0.5)], "minimize")
    assert chosen.best.number == 0
    assert chosen.gain == 0


@pytest.mark.parametrize("state", [TrialState.RUNNING, TrialState.FAIL, TrialState.PRUNED])
def test_trial_that_did_not_complete_is_never_best(state):
    assert best_trial([trial(0, 0.5), trial(1, 0.1, state)], "minimize").number == 0


def test_gain_is_positive_when_better_in_either_direction():
    assert choose([trial(0, 0.5), trial(1, 0.2)], "minimize").gain == pytest.approx(0.3)
    assert choose([trial(0, 0.5), trial(1, 0.7)], "maximize").gain == pytest.approx(0.2)


def test_gain_of_a_trial_without_a_score_is_unknown():
    chosen = choose([trial(0, 0.5), trial(1, 0.2), trial(2, None, TrialState.FAIL)], "minimize")
    assert chosen.gain_of(trial(1, 0.2)) == pytest.approx(0.3)
    assert (chosen.gain_of(trial(2, None, TrialState.FAIL)), chosen.gain_of(None)) == (None, None)


def test_without_a_baseline_there_is_no_gain():
    chosen = choose([trial(0, None, TrialState.FAIL), trial(1, 0.2)], "minimize")
    assert (chosen.baseline, chosen.gain) == (None, None)
    assert choose([], "minimize").best is None


@pytest.mark.parametrize(
    ("scores", "direction", "number"),
    [
        ([0.5, 0.2], "minimize", 1),
        ([0.5, 0.7], "maximize", 1),
        ([0.5, 0.5], "minimize", 0),
        ([0.5, 0.7], "minimize", 0),
        ([None, 0.7], "minimize", 1),
    ],
)
def test_chosen_is_the_best_and_the_baseline_where_nothing_beats_it(scores, direction, number):
    states = {None: TrialState.FAIL}
    trials = [trial(n, score, states.get(score, TrialState.COMPLETE)) for n, score in enumerate(scores)]
    assert choose(trials, direction).chosen == trials[number]


def test_baseline_is_chosen_over_a_best_trial_that_is_no_better():
    baseline = trial(0, 0.5)
    assert Choice(baseline, trial(1, 0.5), "minimize").chosen is baseline
    assert Choice(None, None, "minimize").chosen is None


@given(st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=20), st.sampled_from(["minimize", "maximize"]))
def test_order_of_trials_does_not_matter(scores, direction):
    trials = [trial(number, score) for number, score in enumerate(scores)]
    assert best_trial(trials, direction) == best_trial(trials[::-1], direction)
