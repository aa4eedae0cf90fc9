"""A race: who is given up, against the same decisions worked out one by one."""

import math
import statistics

import numpy as np
import optuna
import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.tuning.racing import RacingPruner

RUNG, ENDS = 30, (90, 180, 270, 360)
COMPLETE, PRUNED = optuna.trial.TrialState.COMPLETE, optuna.trial.TrialState.PRUNED


def decision(told, reported, direction="minimize", pruner=None):
    """Whether a trial with these reports is given up, after others ended with theirs."""
    study = optuna.create_study(direction=direction)
    for state, values in told:
        final = list(values.values())[-1]
        study.add_trial(optuna.create_trial(state=state, value=final, intermediate_values=values))
    trial = study.ask()
    for step, value in reported.items():
        trial.report(value, step)
    return (pruner or RacingPruner(RUNG, ENDS, (1, 2, 3, 4))).prune(study, study.trials[-1])


def reports(scores, at_rung=4.0):
    """What a trial of these scores reports: on its way, then the mean of its runs so far."""
    ends = {step: statistics.fmean(scores[: place + 1]) for place, step in enumerate(ENDS[: len(scores)])}
    return {RUNG: at_rung} | ends


def beaten(scores, whole):
    """The rule of the race between runs, without arrays."""
    if len(whole) < 6:
        return False
    best = min(whole, key=statistics.fmean)
    spread = [statistics.variance([a - b for a, b in zip(each, best, strict=True)]) for each in whole if each != best]
    if not spread:
        return False
    worse_by = statistics.fmean([a - b for a, b in zip(scores, best, strict=False)])
    k, n = len(scores), len(best)
    return worse_by > 2 * math.sqrt(statistics.median(spread)) * math.sqrt((n - k) / (n * k))


SCORES = st.lists(st.floats(0, 1, width=16), min_size=4, max_size=4)


@given(
    whole=st.lists(SCORES, min_size=4, max_size=9),
    scores=SCORES,
    n_ended=st.integers(1, 3),
    sign=st.sampled_from([1, -1]),
)
def test_trial_is_given_up_where_its_runs_are_clearly_worse_than_those_of_the_best(whole, scores, n_ended, sign):
    ended = scores[:n_ended]
    told = [(COMPLETE, reports([sign * score for score in each])) for each in whole]
    told.append((PRUNED, reports([sign * -9.0])))  # tells nothing of whole trials
    direction = "minimize" if sign == 1 else "maximize"
    assert decision(told, reports([sign * score for score in ended]), direction) == beaten(ended, whole)


def test_one_run_is_enough_where_differences_scatter_little():
    rng = np.random.default_rng(1)
    whole = [[0.5 + 0.02 * number + scatter for scatter in 0.01 * rng.normal(size=4)] for number in range(8)]
    told = [(COMPLETE, reports(scores)) for scores in whole]
    assert decision(told, reports([0.6]))
    assert not decision(told, reports([0.51]))


def test_few_that_are_as_good_as_the_best_are_given_up():
    """Their differences are luck; where it lets them end behind the best of this search, that is foreseen."""
    rng = np.random.default_rng(2)
    n_given_up = 0
    for _ in range(200):
        folds = rng.normal(size=4)  # of which some are harder for all
        told = [(COMPLETE, reports(list(folds + 0.1 * rng.normal(size=4)))) for _ in range(12)]
        best = min((values for _, values in told), key=lambda values: values[ENDS[-1]])
        twin = [4 * best[ENDS[0]] / 4] + [0.0] * 3
        for place in range(1, 4):
            twin[place] = (place + 1) * best[ENDS[place]] - place * best[ENDS[place - 1]]
        scores = np.array(twin) + 0.1 * rng.normal(size=4)
        n_given_up += any(decision(told, reports(list(scores[:ended]))) for ended in (1, 2, 3))
    assert n_given_up <= 30


@given(
    whole=st.lists(
        st.tuples(st.floats(0, 1, width=16), st.floats(0, 1, width=16)), max_size=12, unique_by=lambda t: t[0]
    ),
    value=st.floats(0, 1, width=16),
    sign=st.sampled_from([1, -1]),
)
def test_trial_behind_each_of_the_best_as_they_were_is_given_up(whole, value, sign):
    told = [(COMPLETE, reports([sign * score] * 4, sign * then)) for score, then in whole]
    told.append((PRUNED, {RUNG: sign * -9.0}))  # tells nothing of whole trials
    best = [then for _, then in sorted(whole)[:5]]
    direction = "minimize" if sign == 1 else "maximize"
    assert decision(told, {RUNG: sign * value}, direction) == (len(whole) >= 6 and all(value > then for then in best))


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
def test_best_that_was_not_finite_then_lets_all_go_on(direction):
    told = [(COMPLETE, reports([0.1 * number] * 4)) for number in range(8)]
    for _, values in told:
        del values[RUNG]
    assert not decision(told, {RUNG: 99.0 if direction == "minimize" else -99.0}, direction)


def test_several_runs_between_two_reports_count_as_their_mean():
    pruner = RacingPruner(None, (20, 50), (2, 5))
    whole = [{20: 0.5 + 0.01 * number, 50: 0.5 + 0.012 * number} for number in range(8)]
    told = [(COMPLETE, values) for values in whole]
    assert decision(told, {20: 0.9}, pruner=pruner)
    assert not decision(told, {20: 0.5}, pruner=pruner)


@pytest.mark.parametrize("reported", [{}, {5: 1.0}, {360: 9.0}])
def test_nobody_is_given_up_elsewhere(reported):
    told = [(COMPLETE, reports([0.1 * number] * 4)) for number in range(8)]
    assert not decision(told, reported)


def test_trials_of_one_outcome_tell_nothing_of_the_scatter():
    told = [(COMPLETE, reports([0.1, 0.2, 0.1, 0.2]))] * 8
    assert not decision(told, reports([0.9]))


def test_run_whose_score_is_not_known_ends_what_can_be_compared():
    """A metric that is not finite is not reported."""
    told = [(COMPLETE, reports([0.1 * number] * 4)) for number in range(8)]
    assert not decision(told, {180: 9.0})
