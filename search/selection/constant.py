"""Whether a configuration learned anything: its runs against a guess that is the same for every row."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist, fmean, stdev

from search.records import Direction, RunSummary

_LUCK = 0.025
"""The chance that the best of all trials beats the guess by luck and counts as having learned, as Bonferroni has it."""


@dataclass(frozen=True)
class ConstantGuess:
    """What predicting the same for every row scores, and by how much a configuration beats that.

    Args:
        score: The guess' mean score over the folds.
        difference: By how much the configuration beats it, in the mean over the folds; positive is better.
        standard_error: Of `difference`; 0 for a single fold, which tells none.
        n_folds: Folds with a run.
        n_trials: Trials of which the configuration is the best.
    """

    score: float
    difference: float
    standard_error: float
    n_folds: int
    n_trials: int

    @property
    def learned(self) -> bool | None:
        """Whether the configuration beats the guess by more than luck explains; None where that cannot be told.

        The best of many is partly luck, so the bar rises with their number. With few folds the standard error is itself
        a guess: a difference above the bar of the normal distribution (two standard errors for one trial, 3.2 for 40)
        is more than nothing, and only above that of Student's t, which knows the number of folds, it counts as
        learned. A single fold tells no more than that nothing was learned, when the guess is as good.
        """
        if self.n_folds == 1:
            return None if self.difference > 0 else False
        from scipy.stats import t

        share = 1 - _LUCK / self.n_trials
        if self.difference <= NormalDist().inv_cdf(share) * self.standard_error:
            return False
        return True if self.difference > t.ppf(share, self.n_folds - 1) * self.standard_error else None


def compare_with_constant(
    runs: Sequence[RunSummary], constant_scores: Sequence[float], direction: Direction, n_trials: int = 1
) -> ConstantGuess | None:
    """Compare a configuration with the constant guess, fold by fold.

    Args:
        runs: The runs of one configuration. Seeds of one fold share its rows, so that their mean counts as one.
        constant_scores: What the guess scores, by fold.
        direction: Whether a low or a high score is good.
        n_trials: Trials of which the configuration is the best.

    Returns:
        None when no run has a score.
    """
    sign = 1.0 if direction == "maximize" else -1.0
    by_fold = defaultdict[int, list[float]](list)
    for run in runs:
        if run.score is not None:
            by_fold[run.fold].append(run.score)
    if not by_fold:
        return None
    differences = [sign * (fmean(scores) - constant_scores[fold]) for fold, scores in by_fold.items()]
    return ConstantGuess(
        score=fmean(constant_scores[fold] for fold in by_fold),
        difference=fmean(differences),
        standard_error=stdev(differences) / math.sqrt(len(differences)) if len(differences) > 1 else 0.0,
        n_folds=len(differences),
        n_trials=n_trials,
    )
