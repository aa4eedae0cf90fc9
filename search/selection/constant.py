"""Whether a configuration learned anything: its runs against a guess that is the same for every row."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist, fmean, stdev

from search.records import Direction, RunSummary

_LUCK = 0.025
"""The chance, at most about so, that the best of all trials beats the guess by luck and counts as having learned."""


@dataclass(frozen=True)
class ConstantGuess:
    """What predicting the same for every row scores, and by how much a configuration beats that.

    Args:
        score: The guess' mean score over the folds.
        difference: By how much the configuration beats it, in the mean over the folds; positive is better.
        standard_error: Of `difference`; 0 for a single fold, which tells none.
        n_trials: Trials of which the configuration is the best.
    """

    score: float
    difference: float
    standard_error: float
    n_trials: int = 1

    @property
    def learned(self) -> bool:
        """Whether the difference is positive, and larger than luck explains.

        The best of many is partly luck: the bar is two standard errors for one trial and rises with their number (3.2
        for 40), as Bonferroni has it.
        """
        return self.difference > NormalDist().inv_cdf(1 - _LUCK / self.n_trials) * self.standard_error


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
        n_trials=n_trials,
    )
