"""From the race to the verdict: the candidate, the choice, and what is said of it."""

import math

import numpy as np
import pytest

from search.records import Configuration, Trial, TrialState
from search.selection import Divisions, Race, Repeat, decide

DIVISIONS = Divisions(n_train=80, n_validation=20, n_folds=2, are_fresh=True)
N_REPEATS = 5
NOISE = np.random.default_rng(4).normal(size=(N_REPEATS, 2))


def decided(
    levels,
    rule="best",
    *,
    direction="minimize",
    spread=0.01,
    expected=None,
    noise=NOISE,
    n_repeats=N_REPEATS,
    guess=None,
    chance=None,
    train_losses=None,
):
    """The verdict on finalists whose scores are a level of their own and noise, from trial 0 on.

    Args:
        levels: Mean score of each; None of one that fails in the second repeat.
        spread: Deviation of differences to the baseline.
        expected: Mean expected scores, where they are others.
        guess: What a guess scores on every fold.
    """
    race = Race(range(len(levels)), direction, DIVISIONS, N_REPEATS)
    for repeat, drawn in enumerate(noise[:n_repeats]):
        scored = {}
        for trial in race.running:
            label, likely = levels[trial], (levels if expected is None else expected)[trial]
            if label is None:
                scored[trial] = None if repeat == 1 else Repeat([0.5, 0.5], [0.5, 0.5])
            else:
                scored[trial] = Repeat(*((each + spread * trial * drawn).tolist() for each in (label, likely)))
        race.add(scored)
    trials = [Trial(n, TrialState.COMPLETE, Configuration({"l2": n + 0.1}), 0.4) for n in range(len(levels))]
    return decide(
        race,
        trials,
        rule,
        train_losses=dict.fromkeys(range(len(levels)), 0.5) if train_losses is None else train_losses,
        guesses=[] if guess is None else [[guess] * 2] * race.n_repeats,
        n_trials=40,
        chance_of=lambda trial: chance,
        estimate=None,
        asked={"finalists": 5},
    )


def test_best_is_chosen_where_it_beats_the_baseline_by_more_than_its_uncertainty():
    verdict = decided([1.0, 0.8, 0.7])
    assert (verdict.answer, verdict.chosen, verdict.candidate, verdict.repeats) == ("helps", 2, 2, 5)
    gains = 1.0 - (0.7 + 0.01 * 2 * NOISE)
    assert verdict.difference.mean == pytest.approx(gains.mean())
    assert verdict.difference.standard_error == pytest.approx(math.sqrt((1 / 10 + 20 / 80) * gains.var(ddof=1)))
    assert verdict.difference == verdict.expected == verdict.finalist(2).difference
    assert verdict.optimism == pytest.approx((0.7 + 0.01 * 2 * NOISE).mean() - 0.4)
    assert (verdict.rule, verdict.level, verdict.n_trials, verdict.asked) == ("best", 0.95, 40, {"finalists": 5})
    assert verdict.finalist(0).difference is None
    assert verdict.finalist(9) is None


def test_high_scores_are_good_where_the_metric_says_so():
    verdict = decided([0.7, 0.9, 0.8], direction="maximize")
    assert (verdict.answer, verdict.chosen) == ("helps", 1)
    assert verdict.difference.mean == pytest.approx(0.2, abs=0.02)
    assert verdict.optimism == pytest.approx(0.4 - 0.9, abs=0.02)


@pytest.mark.parametrize("factor", [1.6, 1.7])
def test_gain_within_its_uncertainty_leaves_the_baseline(factor):
    centred = NOISE - NOISE.mean()
    error = math.sqrt((1 / 10 + 20 / 80) * centred.var(ddof=1))
    verdict = decided([1.0, 1.0 - factor * error], spread=1.0, noise=centred)
    assert verdict.candidate == 1
    assert (verdict.answer, verdict.chosen) == (("helps", 1) if factor > 1.645 else ("no gain", 0))


def test_labels_must_not_speak_against_what_is_expected():
    verdict = decided([1.0, 1.1], expected=[1.0, 0.5])
    assert (verdict.answer, verdict.chosen, verdict.candidate) == ("no gain", 0, 1)
    assert verdict.difference.mean < 0 < verdict.expected.low


def test_what_is_expected_decides_and_the_labels_are_told():
    verdict = decided([1.0, 0.99, 0.995], expected=[1.0, 0.4, 0.3], spread=0.001)
    assert (verdict.answer, verdict.chosen) == ("helps", 1), "the candidate is the best by the labels"
    assert verdict.difference.mean == pytest.approx(0.01, abs=0.001)
    assert verdict.expected.mean == pytest.approx(0.6, abs=0.001)
    assert (verdict.finalist(1).score, verdict.finalist(1).expected) == (
        pytest.approx(0.99, abs=0.001),
        pytest.approx(0.4, abs=0.001),
    )


def test_equal_finalists_choose_the_baseline_and_the_better_one_of_the_search_as_candidate():
    verdict = decided([1.0, 1.0, 1.0], spread=0.0)
    assert (verdict.answer, verdict.chosen, verdict.candidate) == ("no gain", 0, 1)
    assert (verdict.difference.mean, verdict.difference.standard_error) == (0.0, 0.0)


# one_se


@pytest.mark.parametrize(
    ("losses", "candidate"),
    [
        ({0: 0.1, 1: 0.5, 2: 0.9, 3: 0.95}, 2),  # 3 is regularized most, and too far behind
        ({0: 0.1, 1: 0.9, 2: 0.5, 3: 0.95}, 1),
        ({0: 0.1, 2: 0.5}, 2),  # of 1 it is not known
        ({}, 1),
    ],
)
def test_most_regularized_of_those_that_are_not_behind_is_the_candidate(losses, candidate):
    levels, noise = [1.0, 0.700, 0.7001, 0.9], NOISE - NOISE.mean()
    assert decided(levels, "one_se", noise=noise, train_losses=losses).candidate == candidate
    assert decided(levels, "best", noise=noise, train_losses=losses).candidate == 1


@pytest.mark.parametrize("factor", [0.9, 1.1])
def test_who_is_behind_by_more_than_one_standard_error_is_no_candidate(factor):
    centred = NOISE - NOISE.mean()
    error = math.sqrt((1 / 10 + 20 / 80) * centred.var(ddof=1))
    levels = [9.0, 0.0, factor * error]
    verdict = decided(levels, "one_se", spread=1.0, noise=centred, train_losses={0: 0, 1: 0.1, 2: 0.9})
    assert verdict.candidate == (2 if factor < 1 else 1)


# Whether there is anything to learn


@pytest.mark.parametrize(
    ("guess", "chance", "answer"),
    [
        (None, None, "helps"),
        (2.0, None, "helps"),
        (0.70, None, "nothing to learn"),
        (0.5, None, "nothing to learn"),
        (0.5, 0.005, "nothing to learn"),
        (2.0, 0.005, "helps"),
        (2.0, 0.05, "nothing to learn"),
        (0.71, 0.005, "helps"),
    ],
)
def test_guess_that_is_not_beaten_means_that_there_is_nothing_to_learn(guess, chance, answer):
    verdict = decided([1.0, 0.7], guess=guess, chance=chance, noise=NOISE - NOISE.mean())
    assert verdict.answer == answer
    assert verdict.chosen == 1
    assert verdict.constant == (None if guess is None else pytest.approx(guess))
    assert (verdict.against_constant is None) is (guess is None)
    if guess is not None:
        assert verdict.against_constant.mean == pytest.approx(guess - 0.7)


def test_guess_is_held_against_the_baseline_where_that_is_chosen():
    verdict = decided([1.0, 1.5], guess=0.9)
    assert (verdict.answer, verdict.chosen) == ("nothing to learn", 0)
    assert verdict.against_constant.mean == pytest.approx(-0.1)
    assert decided([1.0, 1.5], guess=1.1).answer == "no gain"


@pytest.mark.parametrize(
    ("guess", "chance", "answer", "chosen"),
    [
        (0.8, 0.005, "helps", 1),
        (0.8, 0.05, "nothing to learn", 0),
        (0.8, None, "nothing to learn", 0),
        (0.5, 0.005, "nothing to learn", 0),
        (1.1, 0.005, "no gain", 0),
    ],
)
def test_what_beats_a_guess_is_chosen_where_the_baseline_does_not_however_uneven_that_is(guess, chance, answer, chosen):
    verdict = decided([1.0, 0.6], guess=guess, chance=chance, spread=3.0, noise=NOISE - NOISE.mean())
    assert verdict.difference.mean == pytest.approx(0.4)
    assert not verdict.expected.is_certain
    assert (verdict.answer, verdict.chosen, verdict.candidate) == (answer, chosen, 1)
    assert verdict.against_constant.mean == pytest.approx(guess - (1.0, 0.6)[chosen])


@pytest.mark.parametrize(("guess", "answer"), [(1.1, "no gain"), (0.95, "nothing to learn")])
def test_single_difference_to_a_guess_is_taken_as_it_is(guess, answer):
    race = Race([0, 1], "minimize", Divisions(80, 20, 1, are_fresh=True), 5)
    race.add({0: Repeat([1.0], [1.0]), 1: Repeat([0.9], [0.9])})
    trials = [Trial(n, TrialState.COMPLETE, Configuration(), 0.4) for n in range(2)]
    verdict = decide(
        race, trials, "best", train_losses={}, guesses=[[guess]], n_trials=2, chance_of=lambda trial: None,
        estimate=None, asked={},
    )  # fmt: skip
    assert (verdict.answer, verdict.chosen, verdict.candidate) == (answer, 0, 1)
    assert verdict.difference.low is None


# Failures


def test_finalists_that_failed_and_that_were_beaten_are_told():
    verdict = decided([1.0, 0.7, None, 5.0])
    ends = {each.trial: (each.end, each.repeats) for each in verdict.finalists}
    assert ends == {0: (None, 5), 1: (None, 5), 2: ("failed", 1), 3: ("beaten", 3)}
    failed, beaten = verdict.finalist(2), verdict.finalist(3)
    assert (failed.score, failed.expected, failed.difference, failed.train_loss) == (None,) * 4
    assert beaten.score == pytest.approx(5.0 + 0.03 * NOISE[:3].mean())
    assert beaten.difference.mean == pytest.approx(-4.0, abs=0.1)


@pytest.mark.parametrize("levels", [[None, 0.7], [1.0, None], [1.0, None, None]])
def test_nothing_to_compare_is_no_verdict(levels):
    assert decided(levels) is None


def test_no_repeats_are_no_verdict():
    assert decided([1.0, 0.7], n_repeats=0) is None
