"""Whether a configuration learned anything: its runs against a guess that is the same for every row."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist, fmean

from search.records import Direction, RunSummary
from search.selection.paired import PairedDifference, compare_pairs

_LUCK = 0.025
"""The chance that the best of all trials beats the guess by luck and counts as having learned, as Bonferroni has it."""


@dataclass(frozen=True)
class ConstantGuess:
    """What predicting the same for every row scores, and by how much a configuration beats that.

    Args:
        score: The guess' mean score over the folds.
        difference: By how much the configuration beats it, in the mean over the folds; positive is better.
        paired: That difference with its error; None where nothing tells it, as for a single fold.
        n_trials: Trials of which the configuration is the best.
    """

    score: float
    difference: float
    paired: PairedDifference | None
    n_trials: int

    @property
    def luck(self) -> float | None:
        """The difference that luck alone explains in the best of so many trials; None where nothing tells it."""
        if self.paired is None:
            return None
        return NormalDist().inv_cdf(1 - _LUCK / self.n_trials) * self.paired.standard_error

    @property
    def learned(self) -> bool | None:
        """Whether the configuration beats the guess by more than luck explains; None where that cannot be told.

        The best of many is partly luck, so the bar rises with their number. With few folds the standard error is itself
        a guess: a difference above the bar of the normal distribution (two standard errors for one trial, 3.2 for 40)
        is more than nothing, and only above that of Student's t, which knows the number of folds, it counts as
        learned. A single fold tells no more than that nothing was learned, when the guess is as good.
        """
        if self.paired is None or self.luck is None:
            return None if self.difference > 0 else False
        if self.difference <= self.luck:
            return False
        return True if self.paired.is_positive(_LUCK, self.n_trials) else None


def compare_with_constant(
    runs: Sequence[RunSummary],
    constant_scores: Sequence[float],
    direction: Direction,
    n_trials: int = 1,
    *,
    n_train: int | None,
    n_validation: int | None,
    n_folds: int | None = None,
) -> ConstantGuess | None:
    """Compare a configuration with the constant guess, fold by fold.

    Args:
        runs: The runs of one configuration. Seeds of one fold share its rows, so that their mean counts as one.
        constant_scores: What the guess scores, by fold.
        direction: Whether a low or a high score is good.
        n_trials: Trials of which the configuration is the best.
        n_train: Rows that a run trains on; None where that is not known, and with it no error.
        n_validation: Rows that score a run; None as with `n_train`.
        n_folds: Folds of one repeat of a k-fold; None for other divisions.

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
    differences = [sign * (fmean(by_fold[fold]) - constant_scores[fold]) for fold in sorted(by_fold)]
    paired = None
    if n_train and n_validation:
        paired = compare_pairs(differences, n_train=n_train, n_validation=n_validation, n_folds=n_folds)
    return ConstantGuess(fmean(constant_scores[fold] for fold in by_fold), fmean(differences), paired, n_trials)


_NOT_FITTED = 0.95
"""Share of a constant guess' loss above which rows that train were not fitted at all."""


@dataclass(frozen=True)
class TrainingFit:
    """How far a configuration came on the very rows that it trained on.

    Args:
        loss: Its training loss without penalties, the mean over its runs.
        constant: The loss that the best constant guess has on these rows.
    """

    loss: float
    constant: float

    @property
    def is_undertrained(self) -> bool:
        """Whether it did not even learn the rows that train: more training is missing, not regularization."""
        return not self.loss < _NOT_FITTED * self.constant
