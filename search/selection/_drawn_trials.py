"""Trials, by what they lose on rows that are drawn and on rows that are left out.

A loss is the score itself where a low one is good, and else its negative. Trials stand in the order in which a tie
chooses among them, the baseline first. What is drawn is a unit: a row, or a group of rows.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Rows = npt.NDArray[Any]
"""A value, or several, for each row."""

_N_DRAWS = 1000
"""Where a draw is a product of matrices."""

_MOST_MICROSECONDS = 4e6
"""What draws may take where each score has to be computed; the fewest trials and draws may take more."""

_FEWEST_TRIALS = 30
_FEWEST_DRAWS, _MOST_DRAWS = 50, 200


@dataclass(frozen=True)
class CountingRows:
    """The rows that count.

    Args:
        n_given: Rows that there are, those that do not count among them.
        places: Which of these count, shape (rows,).
        target: Of the rows that count, shape (rows, ...).
        weight: How much each counts, above 0, float64; None when all count alike.
        unit: Index of the unit that each is of.
    """

    n_given: int
    places: Rows
    target: Rows
    weight: Rows | None
    unit: Rows

    @classmethod
    def of(cls, target: Rows, weight: Rows | None, groups: Rows | None) -> CountingRows:
        """The rows whose weight is not 0."""
        for name, each in (("weights", weight), ("groups", groups)):
            if each is not None and np.shape(each) != (len(target),):
                raise ValueError(f"{name}: expected one for each of {len(target)} rows, received shape {each.shape}")
        places = np.arange(len(target)) if weight is None else np.flatnonzero(weight > 0)
        unit = np.unique(places if groups is None else groups[places], return_inverse=True)[1]
        return cls(len(target), places, target[places], None if weight is None else weight[places].astype(float), unit)

    @property
    def n_units(self) -> int:
        """Rows or groups that are drawn."""
        return int(self.unit.max()) + 1 if len(self.unit) else 0


@dataclass(frozen=True)
class Passes:
    """What each trial predicts of the rows that count.

    Args:
        given: As `bootstrap_selection` takes them.
        order: Place of each trial among these, the baseline's first.
        rows: The rows that count.
    """

    given: Sequence[Rows]
    order: Sequence[int]
    rows: CountingRows

    @classmethod
    def of(cls, given: Sequence[Rows], baseline: int, rows: CountingRows) -> Passes:
        """The passes of trials, of which the one at that place is the baseline."""
        if not 0 <= baseline < len(given):
            raise ValueError(f"expected the place of a baseline among {len(given)} trials, received {baseline}")
        return cls(given, [baseline, *(place for place in range(len(given)) if place != baseline)], rows)

    def __iter__(self) -> Iterator[Rows]:
        """Trial by trial, shape (passes, rows, outputs)."""
        return map(self.of_trial, range(len(self.order)))

    def of_trial(self, index: int) -> Rows:
        """Those of one trial, by its index in the order."""
        place = self.order[index]
        values = np.asarray(self.given[place])
        if values.ndim != 3 or not len(values) or values.shape[1] != self.rows.n_given:
            wanted = f"(passes, {self.rows.n_given}, outputs)"
            raise ValueError(f"trial at place {place}: expected predictions of shape {wanted}, received {values.shape}")
        return np.asarray(values[:, self.rows.places])


class Trials(ABC):
    """Trials by their losses on rows that are drawn, each as often as it is drawn, and on those that are left out.

    Attributes:
        rows: The rows that count.
        n_draws: How many draws there should be.
    """

    rows: CountingRows
    n_draws: int

    @property
    @abstractmethod
    def n_trials(self) -> int:
        """Trials that take part."""

    @property
    @abstractmethod
    def indices(self) -> Rows:
        """Index of each among all that were given, in the order in which a tie chooses, shape (trials,)."""

    @abstractmethod
    def on_all(self) -> Rows:
        """Losses on all rows, shape (trials,)."""

    @abstractmethod
    def on_drawn(self, counts: Rows) -> Rows:
        """Losses on drawn rows, shape (draws, trials).

        Args:
            counts: How often each unit is drawn, shape (draws, units), int64.
        """

    @abstractmethod
    def on_left_out(self, counts: Rows, trials: Rows) -> Rows:
        """The loss of one trial a draw on the rows that the draw leaves out, shape (draws,).

        Args:
            counts: As in `on_drawn`.
            trials: Which trial, shape (draws,).
        """

    def are_usable(self, counts: Rows) -> Rows:
        """Whether both sides of a draw have a score, as far as rows tell before it is computed; shape (draws,)."""
        return np.asarray((counts == 0).any(axis=1))


@dataclass(frozen=True)
class TrialsByRow(Trials):
    """Trials whose score is a mean over rows: a draw is a product of matrices.

    Args:
        rows: The rows that count.
        sums: Weighted losses of each unit's rows, shape (trials, units).
        weights: Weight of each unit's rows, shape (units,).
    """

    rows: CountingRows
    sums: Rows
    weights: Rows
    n_draws: int = _N_DRAWS

    @classmethod
    def of(cls, passes: Passes, row_scores: Callable[[Rows, Rows], Rows | None], sign: float) -> TrialsByRow | None:
        """The losses of rows, each the mean over the passes; None where `row_scores` tells none."""
        rows, sums = passes.rows, []
        weight = np.ones(len(rows.target)) if rows.weight is None else rows.weight
        for values in passes:
            scores = [row_scores(rows.target, each) for each in values]
            known = [each for each in scores if each is not None]
            if len(known) < len(scores):
                return None
            losses = sign * np.asarray(known, float).mean(axis=0)
            sums.append(np.bincount(rows.unit, weight * losses))
        _refuse_without_score(np.sum(sums, axis=1), passes)
        return cls(rows, np.stack(sums), np.bincount(rows.unit, weight))

    @property
    def n_trials(self) -> int:
        """All that were given."""
        return len(self.sums)

    @property
    def indices(self) -> Rows:
        """All that were given."""
        return np.arange(self.n_trials)

    def on_all(self) -> Rows:
        """Mean losses."""
        return np.asarray(self.sums.sum(axis=1) / self.weights.sum())

    def on_drawn(self, counts: Rows) -> Rows:
        """Mean losses of the rows, each as often as it is drawn."""
        times = counts.astype(float)
        return np.asarray(times @ self.sums.T / (times @ self.weights)[:, None])

    def on_left_out(self, counts: Rows, trials: Rows) -> Rows:
        """Mean losses of the rows that are not drawn."""
        left_out = counts == 0
        return np.asarray((self.sums[trials] * left_out).sum(axis=1) / (left_out @ self.weights))


@dataclass(frozen=True)
class TrialsByScore(Trials):
    """Trials whose score has to be computed anew for each draw.

    Args:
        rows: The rows that count.
        passes: Predictions of each trial, shape (passes, rows, outputs).
        losses: Of each trial on all rows, shape (trials,).
        score: The metric.
        sign: Of losses.
        n_draws: How many draws there should be.
        kept: Index of each among all that were given.
    """

    rows: CountingRows
    passes: tuple[Rows, ...]
    losses: Rows
    score: Callable[[Rows, Rows, Rows | None], float]
    sign: float
    n_draws: int = 0
    kept: tuple[int, ...] = (0,)

    @classmethod
    def of(cls, passes: Passes, score: Callable[[Rows, Rows, Rows | None], float], sign: float) -> TrialsByScore:
        """The best trials and the baseline: as many of them, and as many draws, as take some seconds.

        Rows that are left out have a hand in which trials are the best, which flatters. Measured with trials that are
        all equal, in units of the difference's own deviation: 0.1 with the best 30 of 60, 0.15 with 60 of 300 and 0.4
        with 30 of 300; with unequal trials nothing.
        """
        first = passes.of_trial(0)
        all_rows = np.ones(len(passes.rows.target), np.int64)
        alone = cls(passes.rows, (), np.empty(0), score, sign)
        losses = np.array([alone._lost(each, all_rows) for each in passes])
        _refuse_without_score(losses, passes)
        # Of sorting metrics; the others are quicker.
        microseconds = len(first) * (50 + 0.25 * first[0].size)
        n_kept = max(_FEWEST_TRIALS, int(_MOST_MICROSECONDS / microseconds / _MOST_DRAWS))
        kept = sorted({0, *np.argsort(losses, kind="stable")[:n_kept].tolist()})
        n_draws = int(np.clip(_MOST_MICROSECONDS / microseconds / len(kept), _FEWEST_DRAWS, _MOST_DRAWS))
        return cls(passes.rows, tuple(map(passes.of_trial, kept)), losses[kept], score, sign, n_draws, tuple(kept))

    @property
    def n_trials(self) -> int:
        """Those that were kept."""
        return len(self.passes)

    @property
    def indices(self) -> Rows:
        """Those that were kept."""
        return np.array(self.kept)

    def on_all(self) -> Rows:
        """As they were when the best were kept."""
        return self.losses

    def on_drawn(self, counts: Rows) -> Rows:
        """Losses of the rows, each as often as it is drawn."""
        losses = [[self._lost(each, times) for each in self.passes] for times in counts[:, self.rows.unit]]
        return np.reshape(losses, (len(counts), self.n_trials))

    def on_left_out(self, counts: Rows, trials: Rows) -> Rows:
        """Losses of the rows that are not drawn."""
        times = (counts == 0).astype(np.int64)[:, self.rows.unit]
        return np.array([self._lost(self.passes[trial], each) for trial, each in zip(trials, times, strict=True)])

    def are_usable(self, counts: Rows) -> Rows:
        """Whether the target varies on both sides, where it does at all: of a single class nothing is ranked."""
        if not _varies(self.rows.target):
            return super().are_usable(counts)
        drawn = (counts > 0)[:, self.rows.unit]
        return np.array([_varies(self.rows.target[each]) and _varies(self.rows.target[~each]) for each in drawn])

    def _lost(self, passes: Rows, times: Rows) -> float:
        """The mean loss over passes, of rows that come so often."""
        if self.rows.weight is None:  # rows that come again serve a metric that takes no weights too
            places, weight = np.repeat(np.arange(len(times)), times), None
        else:
            places = np.flatnonzero(times)
            weight = self.rows.weight[places] * times[places]
        target = self.rows.target[places]
        return self.sign * float(np.mean([self.score(target, each[places], weight) for each in passes]))


def make_trials(
    passes: Passes,
    score: Callable[[Rows, Rows, Rows | None], float],
    row_scores: Callable[[Rows, Rows], Rows | None],
    sign: float,
) -> Trials:
    """Trials by the losses of their rows where `row_scores` tells them, or else by `score`."""
    by_row = TrialsByRow.of(passes, row_scores, sign)
    return TrialsByScore.of(passes, score, sign) if by_row is None else by_row


def _varies(target: Rows) -> bool:
    """Whether each target takes more than one value."""
    return len(target) > 0 and bool((target != target[:1]).any(axis=0).all())


def _refuse_without_score(losses: Rows, passes: Passes) -> None:
    for place, loss in zip(passes.order, losses, strict=True):
        if not np.isfinite(loss):
            raise ValueError(f"trial at place {place}: expected a finite score, received {loss}")
