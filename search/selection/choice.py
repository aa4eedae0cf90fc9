"""The baseline, the best trial and the chosen one of a study."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from search.records import BASELINE_TRIAL, Direction, Trial, TrialState


@dataclass(frozen=True)
class Choice:
    """What a study found.

    Args:
        baseline: Trial 0, everything off; None while it has no score.
        best: The complete trial with the best score; None while there is none.
        direction: Whether a low or a high score is good.
    """

    baseline: Trial | None
    best: Trial | None
    direction: Direction

    @property
    def chosen(self) -> Trial | None:
        """The trial that the study ends with, which is exported and trained once more; None while none has a score.

        The best one; the baseline where nothing beats it. Whoever gives a configuration away asks here.
        """
        return self.baseline if self.gain is not None and self.gain <= 0 else self.best

    @property
    def gain(self) -> float | None:
        """By how much the best trial beats the baseline; positive is better, None without both scores."""
        return self.gain_of(self.best)

    def gain_of(self, trial: Trial | None) -> float | None:
        """By how much `trial` beats the baseline; positive is better, None without both scores."""
        if trial is None or self.baseline is None:
            return None
        if trial.score is None or self.baseline.score is None:
            return None
        if self.direction == "maximize":
            return trial.score - self.baseline.score
        return self.baseline.score - trial.score


def choose(trials: Iterable[Trial], direction: Direction) -> Choice:
    """The baseline and the best of `trials`."""
    listed = list(trials)
    complete = [trial for trial in listed if trial.state is TrialState.COMPLETE]
    baseline = next((trial for trial in complete if trial.number == BASELINE_TRIAL), None)
    return Choice(baseline, best_trial(complete, direction), direction)


def best_trial(trials: Iterable[Trial], direction: Direction) -> Trial | None:
    """The complete trial with the best score; of equal ones the earliest, so that a tie shows no gain."""
    sign = 1.0 if direction == "minimize" else -1.0
    scored = [(sign * t.score, t.number, t) for t in trials if t.score is not None and t.state is TrialState.COMPLETE]
    return min(scored, default=(0.0, 0, None), key=lambda entry: entry[:2])[2]
