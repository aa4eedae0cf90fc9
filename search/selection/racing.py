"""The race of the finalists: scored on one fresh division after the other, those that are clearly beaten drop out.

The leader has the best mean score. Who is beaten by it is told by paired differences of expected scores
(`search.selection.reference`), with an error that knows that divisions of the same rows share them
(`search.selection.paired`). The race is looked at after every
repeat, and each look at every finalist is a chance to be wrong: the risk is shared out among all of them, as Bonferroni
has it. What drops out leaves its repeats to the others. The baseline stays to the end, for everything is measured by
it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

from search.records import Direction
from search.records.verdict import Difference
from search.selection.paired import PairedDifference, compare_pairs

LEVEL = 0.95
"""Of all intervals of a verdict."""

_RISK = 0.05
"""The chance that the best finalist drops out of a race by mistake, all looks taken together."""

_FIRST_LOOK = 3
"""Repeats before the first look."""

Scores = Sequence[float]
"""Of one repeat, fold by fold; a mean over the seeds of a fold."""


@dataclass(frozen=True)
class Repeat:
    """What a finalist scores on one fresh division.

    Args:
        scores: By the labels of the rows.
        expected: By what the reference holds likely; the same where there is none.
    """

    scores: Scores
    expected: Scores


@dataclass(frozen=True)
class Divisions:
    """What the error of a difference over repeats depends on.

    Args:
        n_train: Rows that a run trains on, those that may stop it among them.
        n_validation: Rows that score it.
        n_folds: Folds of a repeat.
        are_fresh: Whether every repeat divides the rows anew; else the same rows score again, with other seeds.
    """

    n_train: int
    n_validation: int
    n_folds: int
    are_fresh: bool

    def compare(self, differences: Sequence[Scores]) -> PairedDifference | None:
        """The mean of differences with its error, over repeats and their folds; None for too few.

        Folds of fresh k-folds count as so many resamples that are drawn anew (Bouckaert and Frank 2004). Where the
        same rows score each time, the seeds of a fold are one difference; of a single fold, nothing but the seeds
        differs, and the error is theirs alone.
        """
        flat = [value for repeat in differences for value in repeat]
        if self.are_fresh:
            return compare_pairs(flat, n_train=self.n_train, n_validation=self.n_validation)
        if self.n_folds == 1:
            if len(flat) < 2:
                return None
            return PairedDifference(fmean(flat), stdev(flat) / len(flat) ** 0.5, len(flat) - 1)
        by_fold = [fmean(values) for values in zip(*differences, strict=True)]
        return compare_pairs(by_fold, n_train=self.n_train, n_validation=self.n_validation, n_folds=self.n_folds)

    def difference(self, differences: Sequence[Scores]) -> Difference:
        """The same for the record, with its interval."""
        paired = self.compare(differences)
        if paired is None:
            return Difference(fmean(value for repeat in differences for value in repeat))
        low, high = paired.interval(LEVEL)
        return Difference(paired.mean, low, high, paired.standard_error)


class Race:
    """What is known of the finalists, repeat by repeat.

    Args:
        trials: Their trials, the baseline's first.
        direction: Whether a low or a high score is good.
        divisions: What the repeats are.
        most_repeats: Repeats that there may be, at most.
    """

    def __init__(self, trials: Sequence[int], direction: Direction, divisions: Divisions, most_repeats: int) -> None:
        self.trials = tuple(trials)
        self.running = self.trials
        """Those that are still in, in order."""
        self.failed: tuple[int, ...] = ()
        """Those of which a run failed."""
        self.divisions = divisions
        self.most_repeats = most_repeats
        self.sign = 1.0 if direction == "maximize" else -1.0
        """1 where a high score is good, else -1."""
        self._n_looks = most_repeats * max(1, len(trials) - 2)
        self._repeats: dict[int, list[Repeat]] = {trial: [] for trial in trials}

    @property
    def baseline(self) -> int:
        """The baseline's trial."""
        return self.trials[0]

    @property
    def is_open(self) -> bool:
        """Whether there is still something to compare: the baseline, and one besides."""
        return self.baseline in self.running and len(self.running) > 1

    @property
    def n_repeats(self) -> int:
        """Repeats so far."""
        return max(map(len, self._repeats.values()))

    def repeats(self, trial: int) -> Sequence[Repeat]:
        """The repeats that a finalist has."""
        return self._repeats[trial]

    def mean(self, trial: int) -> float:
        """The mean score of a finalist over the repeats that it has, one at least."""
        return fmean(score for repeat in self._repeats[trial] for score in repeat.scores)

    def expected(self, trial: int) -> float:
        """The mean expected score, likewise."""
        return fmean(score for repeat in self._repeats[trial] for score in repeat.expected)

    def compare(self, first: int, second: int) -> list[Scores]:
        """By how much the score of one beats another's, in the repeats that both have; positive where the first is
        better.
        """
        pairs = zip(self._repeats[first], self._repeats[second], strict=False)
        return [self._gains(mine.scores, theirs.scores) for mine, theirs in pairs]

    def compare_expected(self, first: int, second: int) -> list[Scores]:
        """The same for expected scores."""
        pairs = zip(self._repeats[first], self._repeats[second], strict=False)
        return [self._gains(mine.expected, theirs.expected) for mine, theirs in pairs]

    def compare_with(self, trial: int, guesses: Sequence[Scores]) -> list[Scores]:
        """By how much a score beats guesses, which have one for each fold of each repeat."""
        return [self._gains(mine.scores, guess) for mine, guess in zip(self._repeats[trial], guesses, strict=False)]

    def add(self, repeat: Mapping[int, Repeat | None]) -> None:
        """Take the scores of a repeat, and let those drop out that are clearly beaten.

        Args:
            repeat: Of everyone who is still in; None where a run failed: who cannot be trained on other rows is not
                chosen.
        """
        for trial in self.running:
            scores = repeat[trial]
            if scores is None:
                self.failed = (*self.failed, trial)
            else:
                self._repeats[trial].append(scores)
        self.running = tuple(trial for trial in self.running if trial not in self.failed)
        contenders = [trial for trial in self.running if trial != self.baseline]
        if self.n_repeats < _FIRST_LOOK or not contenders:
            return
        leader = max(contenders, key=lambda trial: self.sign * self.mean(trial))
        beaten = {trial for trial in contenders if trial != leader and self._is_beaten(trial, leader)}
        self.running = tuple(trial for trial in self.running if trial not in beaten)

    def _is_beaten(self, trial: int, leader: int) -> bool:
        """Whether expected scores leave no doubt; by the labels the leader is ahead of everyone."""
        paired = self.divisions.compare(self.compare_expected(leader, trial))
        return paired is not None and paired.is_positive(_RISK, self._n_looks)

    def _gains(self, mine: Scores, theirs: Scores) -> Scores:
        return [self.sign * (one - other) for one, other in zip(mine, theirs, strict=True)]
