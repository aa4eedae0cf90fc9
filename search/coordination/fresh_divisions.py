"""Fresh divisions of the rows, on which configurations are scored once more: what is drawn, and what is expected."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from statistics import fmean

from search.coordination.estimating import Key
from search.preparation.study import PreparedStudy
from search.records import Predictions, Run
from search.selection import Divisions, Reference, Repeat, Scores

MOST_UNDRAWN = 20
"""Repeats in a row that can't be drawn, after which none are tried any more."""

_REPEATS_AT_ONCE = 10
"""Of which a function of the user's scores guesses in one process: each costs a second, and holds these rows."""


def divisions_of(prepared: PreparedStudy) -> Divisions:
    """What the errors of differences depend on.

    Folds of groups differ in size: the one with the most scoring rows for its training rows is the safe side.
    """
    facts = prepared.facts
    sizes = zip(facts.training_rows, facts.validation_rows, strict=True)
    n_train, n_validation = max(sizes, key=lambda size: size[1] / size[0])
    return Divisions(n_train, n_validation, len(prepared.plan.folds), prepared.scores_other_rows)


def drawn_repeats(prepared: PreparedStudy, n_repeats: int) -> Iterator[int]:
    """The numbers of the first repeats that can be drawn, so many of them where there are."""
    n_taken, number, n_undrawn = 0, 0, 0
    while n_taken < n_repeats and n_undrawn < MOST_UNDRAWN:
        if prepared.is_drawn(number):
            n_taken, n_undrawn = n_taken + 1, 0
            yield number
        else:
            n_undrawn += 1
        number += 1


def find_reference(prepared: PreparedStudy, searched: Mapping[Key, Predictions]) -> Reference | None:
    """What the trials of the search hold likely; None where that is not to be used.

    That is so of a metric of the user's, which need not know weights, of several outputs, and where no predictions are
    kept.

    Args:
        prepared: The study.
        searched: What runs of the search predicted of the rows that score them.
    """
    plan = prepared.plan
    if plan.own_metric is not None or not plan.scoring.is_of_one_output:
        return None
    rows = {fold.number: fold.validation for fold in plan.folds}
    predicted = ((rows[fold], values.values) for (_, fold, _), values in searched.items())
    return Reference.of(predicted, plan.dataset.target, len(plan.dataset.classes))


def expected_score(prepared: PreparedStudy, reference: Reference, run: Run, predicted: Predictions) -> float:
    """What a run is expected to score where labels are drawn from a reference."""
    plan = prepared.plan
    rows, weight = plan.fold(run).validation, plan.dataset.weight
    of_rows = None if weight is None else weight[rows]
    return reference.expected(plan.scoring.score, rows, predicted.values, of_rows)


def guess_scores(prepared: PreparedStudy, repeats: Sequence[int]) -> list[Scores]:
    """What a guess scores that is the same for every row, repeat by repeat, fold by fold.

    Args:
        prepared: The study.
        repeats: Numbers of repeats that can be drawn.

    Returns:
        Empty where one of them is not finite.

    Raises:
        StudyFileError: The user's own metric cannot score it.
    """
    plan, scores = prepared.plan, list[float]()
    size = 1 if plan.own_metric is None else _REPEATS_AT_ONCE
    for first in range(0, len(repeats), size):
        folds = [fold for repeat in repeats[first : first + size] for fold in plan.redrawn(repeat)]
        scores += prepared.constant_scores(folds)
    if not all(map(math.isfinite, scores)):
        return []
    n_folds = len(plan.folds)
    return [scores[first : first + n_folds] for first in range(0, len(scores), n_folds)]


def repeat_of(scores: Iterable[tuple[int, float, float]]) -> Repeat:
    """What a configuration scores on one repeat.

    Args:
        scores: Of each of its runs the fold, the score, and the expected score.
    """
    by_fold: dict[int, list[tuple[float, float]]] = {}
    for fold, score, expected in scores:
        by_fold.setdefault(fold, []).append((score, expected))
    means = [(fmean(score for score, _ in runs), fmean(expected for _, expected in runs)) for runs in by_fold.values()]
    return Repeat([score for score, _ in means], [expected for _, expected in means])
