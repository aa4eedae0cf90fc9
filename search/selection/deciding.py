"""From the race to the verdict: which configuration the study ends with, and whether it helps.

The rule picks a candidate among the finalists that are left. It is chosen where it beats the baseline by more than the
uncertainty of that difference (1.645 standard errors, one chance in twenty), and else the baseline is: a configuration
of which nobody can tell whether it helps is no reason to leave the model as it was given. Whether it does is judged by
expected scores (`search.selection.reference`), and the labels must not speak against it.

A baseline that overfits few rows scores so unevenly that no difference to it is certain, while it is plain that it is
of no use: it scores no better than a guess that is the same for every row. A candidate that does beat the guess, as
below, is chosen then. Of 100 nets on 30 rows of two moons 14 were told that there is nothing to learn, of baselines
with a log loss of 1.0 where the guess has 0.7 and the candidate 0.5.

Whether there is anything to learn is asked of the labels alone: the choice must score better than a guess that is the
same for every row, and its predictions must tell more of the labels than chance could (`search.selection.permutation`).

What is told of the difference, its mean and its interval, is of the labels alone: it owes nothing to the reference.

Rules:

- `best`: the best mean score.
- `one_se`: the most regularized of those whose expected score is no more than one standard error of the difference
  below that of the best (Breiman et al. 1984, for trees; Hastie, Tibshirani and Friedman 2009, 7.10). The most
  regularized is the one with the highest loss, without penalties, on the rows that train. That is one scale for L2,
  dropout and patience, whose strengths cannot be compared otherwise: whatever keeps a net from learning its rows by
  heart shows there.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from search.records import SelectionEstimate, Trial
from search.records.verdict import Answer, Difference, Finalist, Rule, Verdict
from search.selection.racing import LEVEL, Race, Scores

_CHANCE = 0.01
"""Below which chance is no explanation of a score."""


def decide(
    race: Race,
    trials: Sequence[Trial],
    rule: Rule,
    *,
    train_losses: Mapping[int, float],
    guesses: Sequence[Scores],
    n_trials: int,
    chance_of: Callable[[int], float | None],
    estimate: SelectionEstimate | None,
    asked: Mapping[str, Any],
) -> Verdict | None:
    """The verdict on a study.

    Args:
        race: The finalists, with the repeats that they have.
        trials: Their trials, the baseline's first.
        rule: How the candidate is picked.
        train_losses: The mean loss of each finalist on the rows that train.
        guesses: What a guess scores that is the same for every row, fold by fold, repeat by repeat; empty where that is
            not known.
        n_trials: Trials that had ended.
        chance_of: The chance of a finalist's score where labels have nothing to do with rows; None where that is not
            known, and the interval of its difference to the guess decides.
        estimate: What the selection itself is worth.
        asked: What [confirm] asked for.

    Returns:
        None where there is nothing to compare: the baseline, or everything else, failed on other rows, or there are no
        repeats.
    """
    contenders = [trial for trial in race.running if trial != race.baseline]
    if race.baseline not in race.running or not contenders or not race.n_repeats:
        return None
    candidate = _candidate(race, contenders, rule, train_losses)
    difference = race.divisions.difference(race.compare(candidate, race.baseline))
    expected = race.divisions.difference(race.compare_expected(candidate, race.baseline))
    is_better = difference.mean > 0 and expected.is_certain
    against, chance = _against_guess(race, candidate if is_better else race.baseline, guesses, chance_of)
    if not is_better and against is not None and against.mean <= 0:
        of_candidate = _against_guess(race, candidate, guesses, chance_of)
        if _is_surely_learned(*of_candidate):
            is_better, (against, chance) = True, of_candidate
    chosen = candidate if is_better else race.baseline
    searched = {trial.number: trial.score or 0.0 for trial in trials}
    return Verdict(
        answer=_answer(against, chance, helps=is_better),
        chosen=chosen,
        candidate=candidate,
        rule=rule,
        difference=difference,
        expected=expected,
        level=LEVEL,
        repeats=len(race.repeats(candidate)),
        optimism=race.sign * (searched[candidate] - race.mean(candidate)),
        finalists=tuple(_finalist(race, trial, train_losses) for trial in trials),
        constant=_mean(guesses),
        against_constant=against,
        chance=chance,
        scores_other_rows=race.divisions.are_fresh,
        n_trials=n_trials,
        estimate=estimate,
        asked=asked,
    )


def _candidate(race: Race, contenders: Sequence[int], rule: Rule, train_losses: Mapping[int, float]) -> int:
    best = max(contenders, key=lambda trial: race.sign * race.mean(trial))
    if rule == "best":
        return best
    within = [trial for trial in contenders if trial == best or not _is_behind(race, trial, best)]
    return max(within, key=lambda trial: (train_losses.get(trial, -math.inf), race.sign * race.expected(trial)))


def _is_behind(race: Race, trial: int, best: int) -> bool:
    return race.divisions.difference(race.compare_expected(best, trial)).exceeds(1)


def _against_guess(
    race: Race, trial: int, guesses: Sequence[Scores], chance_of: Callable[[int], float | None]
) -> tuple[Difference | None, float | None]:
    """By how much a finalist beats the guess, and the chance of such a score; None where that is not known."""
    if not guesses:
        return None, None
    return race.divisions.difference(race.compare_with(trial, guesses)), chance_of(trial)


def _answer(against: Difference | None, chance: float | None, *, helps: bool) -> Answer:
    if against is not None and not _is_learned(against, chance):
        return "nothing to learn"
    return "helps" if helps else "no gain"


def _is_learned(against: Difference | None, chance: float | None) -> bool:
    """Whether the guess is beaten, by more than chance explains."""
    if against is None:
        return False
    return _is_beaten(against) if chance is None else against.mean > 0 and chance < _CHANCE


def _is_surely_learned(against: Difference | None, chance: float | None) -> bool:
    """The same, and not by a single difference."""
    return _is_learned(against, chance) and (chance is not None or (against is not None and against.is_above_zero))


def _is_beaten(guess: Difference) -> bool:
    """Whether a guess is; by a single difference, of which nothing tells how sure it is, any gain will do."""
    return guess.mean > 0 if guess.low is None else guess.is_above_zero


def _finalist(race: Race, trial: Trial, train_losses: Mapping[int, float]) -> Finalist:
    number = trial.number
    end: Literal["beaten", "failed"] | None = None
    if number not in race.running:
        end = "failed" if number in race.failed else "beaten"
    difference = None
    if number != race.baseline and end != "failed":
        difference = race.divisions.difference(race.compare(number, race.baseline))
    return Finalist(
        trial=number,
        score=None if end == "failed" else race.mean(number),
        expected=None if end == "failed" else race.expected(number),
        search_score=trial.score or 0.0,
        difference=difference,
        repeats=len(race.repeats(number)),
        train_loss=None if end == "failed" else train_losses.get(number),
        end=end,
    )


def _mean(guesses: Sequence[Scores]) -> float | None:
    flat = [score for repeat in guesses for score in repeat]
    return sum(flat) / len(flat) if flat else None
