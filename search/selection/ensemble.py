"""An ensemble of trials: which of them are averaged, with which weights, and what that is worth.

Trials are drawn into it one by one, each as often as it pays: the best one first, then always the one with which the
mean of all drawn so far scores best on rows that did not train them, until none improves it (Caruana, Niculescu-Mizil,
Crew and Ksikes 2004, Ensemble selection from libraries of models, sections 2 and 2.1). How often a trial was drawn is
its weight. With few trials to draw from, the mean cannot follow the rows far; which trials those are, and the weights,
are chosen by these rows all the same, and make their score look better than it is.

So the score is estimated like that of the choice, by `search.selection.bootstrap`: rows are drawn with replacement, the
best trials on the drawn rows become the finalists, an ensemble is drawn from them, and scored on the rows left out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from search.records import Direction, SelectionEstimate
from search.selection.bootstrap import FEWEST_UNITS

if TYPE_CHECKING:
    import numpy.typing as npt

    Rows = npt.NDArray[Any]
    Score = Callable[[Rows, Rows, Rows | None], float]
    RowScores = Callable[[Rows, Rows], Rows | None]


@dataclass(frozen=True)
class Ensemble:
    """Trials that are averaged.

    Args:
        weights: How much each of them counts, above 0; they sum to 1. Finalists that were never drawn are absent.
        score: Of their mean, on the rows that it was chosen on.
        estimate: What such an ensemble scores on rows that it was not chosen on, and by how much it beats the baseline;
            None where that cannot be told.
    """

    weights: Mapping[int, float]
    score: float
    estimate: SelectionEstimate | None


def choose_ensemble(
    predictions: Sequence[Rows],
    target: Rows,
    finalists: Sequence[int],
    *,
    score: Score,
    row_scores: RowScores,
    direction: Direction,
    seed: int,
    baseline: int = 0,
    weight: Rows | None = None,
    groups: Rows | None = None,
    n_draws: int | None = None,
    level: float = 0.95,
) -> Ensemble:
    """The ensemble of some trials, and what it is worth.

    Args:
        predictions: Of all trials, as `bootstrap_selection` takes them.
        target: Of the rows.
        finalists: The places among the trials of those that may be averaged. The estimate takes as many, the best of
            all trials on the drawn rows; the baseline is among them if it is here.
        score: The metric, as `bootstrap_selection` takes it, like all that follow but for `n_draws`.
        row_scores: One number a row of which `score` is the mean; or None.
        direction: Whether a low or a high score is good.
        seed: Of the draws of rows.
        baseline: The place of the baseline.
        weight: How much each row counts.
        groups: The group of each row.
        n_draws: How often rows are drawn; None for 20 to 200, as many as seconds allow; 0 for no estimate.
        level: Of the intervals.

    Returns:
        The ensemble; its `weights` are by place.

    Raises:
        ValueError: There are no finalists, shapes do not fit, or a trial has no finite score.
    """
    # NumPy is imported by those who draw: a command that reads a few rows does without.
    from search.selection import _drawing, _drawn_trials, _ensembles

    if not finalists:
        raise ValueError("expected a finalist or more, received none")
    passes = _drawn_trials.Passes.of(predictions, baseline, _drawn_trials.CountingRows.of(target, weight, groups))
    sign = 1.0 if direction == "minimize" else -1.0
    trials = _drawn_trials.make_trials(passes, score, row_scores, sign)
    blends = _ensembles.Blends(passes, score, row_scores, sign)
    chooser = _ensembles.EnsembleOfBest(trials, blends, sorted(map(passes.order.index, finalists)))
    estimate = None
    n_draws = chooser.n_draws if n_draws is None else n_draws
    if n_draws and passes.rows.n_units >= FEWEST_UNITS:
        estimate = _drawing.estimate(chooser, sign, seed, n_draws, level)
    drawn = chooser.chosen
    weights = {passes.order[index]: drawn.count(index) / len(drawn) for index in sorted(set(drawn))}
    return Ensemble(weights, sign * chooser.on_all(), estimate)
