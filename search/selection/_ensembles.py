"""Means of trials' predictions, and which of them are drawn greedily: the NumPy of `ensemble`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache

import numpy as np

from search.selection._drawing import ROUNDING, Chooser
from search.selection._drawn_trials import Passes, Rows, Trials, TrialsByRow, TrialsByScore

Drawn = tuple[int, ...]
"""Indices of trials in ascending order, each as often as it was drawn into an ensemble."""

MOST_MEMBERS = 25
"""How many are drawn, one trial that comes again counted again."""

_MOST_BYTES = 2**26
"""What is kept of means that may be asked for again."""

_MOST_MICROSECONDS = 10e6
"""What draws of rows may take; the fewest draws may take more."""

_STEPS = 5
"""Trials that are drawn into most ensembles, with the one that no longer improves them."""

_FEWEST_DRAWS, _MOST_DRAWS = 20, 200


def draw_members(candidates: Sequence[int], loss_of: Callable[[Drawn], float]) -> Drawn:
    """Draw trials with replacement, always the one with which the loss of all is lowest, until none lowers it.

    Args:
        candidates: Indices of trials, in the order in which a tie chooses.
        loss_of: The loss of the mean of those that are drawn.
    """
    chosen, loss = _first_lowest([(each,) for each in candidates], loss_of)
    while len(chosen) < MOST_MEMBERS:
        grown, loss_of_grown = _first_lowest([tuple(sorted((*chosen, each))) for each in candidates], loss_of)
        if not loss_of_grown < loss - ROUNDING * abs(loss):
            break
        chosen, loss = grown, loss_of_grown
    return chosen


def _first_lowest(ensembles: Sequence[Drawn], loss_of: Callable[[Drawn], float]) -> tuple[Drawn, float]:
    """The ensemble with the lowest loss, of equal ones the first; one without a loss is none."""
    losses = np.array([loss_of(each) for each in ensembles])
    losses = np.where(np.isfinite(losses), losses, np.inf)
    best = losses.min()
    if not np.isfinite(best):
        return ensembles[0], np.inf
    place = int((losses <= best + ROUNDING * abs(best)).argmax())
    return ensembles[place], float(losses[place])


class Blends:
    """Means of trials' predictions, each by what it loses.

    Args:
        passes: Predictions of all trials.
        score: The metric.
        row_scores: One number a row of which it is the mean; or None.
        sign: Of losses.

    Attributes:
        of: The mean of those that are drawn, as the only one of its `Trials`.
        n_passes: Passes of a trial.
        n_numbers: Numbers in one pass.
    """

    def __init__(
        self,
        passes: Passes,
        score: Callable[[Rows, Rows, Rows | None], float],
        row_scores: Callable[[Rows, Rows], Rows | None],
        sign: float,
    ) -> None:
        self._score = score
        self._row_scores = row_scores
        self._sign = sign
        rows = passes.rows
        self._rows = replace(rows, n_given=len(rows.places), places=np.arange(len(rows.places)))
        one = passes.of_trial(0)
        self.n_passes, self.n_numbers = len(one), one[0].size
        self._of_trial = lru_cache(max(4, _MOST_BYTES // one.nbytes))(passes.of_trial)
        self.of = lru_cache(max(4, _MOST_BYTES // max(one.nbytes, 8 * rows.n_units)))(self._made)

    def _made(self, drawn: Drawn) -> Trials:
        indices, counts = np.unique(drawn, return_counts=True)
        times = zip(indices.tolist(), counts.tolist(), strict=True)
        of_trials = (count * self._of_trial(index) for index, count in times)
        passes = Passes([np.asarray(sum(of_trials) / len(drawn))], [0], self._rows)
        by_row = TrialsByRow.of(passes, self._row_scores, self._sign)
        if by_row is not None:
            return by_row
        return TrialsByScore(self._rows, (passes.of_trial(0),), np.empty(0), self._score, self._sign)


class EnsembleOfBest(Chooser):
    """The best trials are the finalists, and an ensemble is drawn from them.

    Args:
        trials: What finalists are chosen from.
        blends: Means of the same trials.
        finalists: Those of all rows, as indices.

    Attributes:
        chosen: The ensemble that is drawn from them by all rows.
        n_draws: How often rows should be drawn.
    """

    def __init__(self, trials: Trials, blends: Blends, finalists: Sequence[int]) -> None:
        super().__init__(trials)
        self._blends = blends
        self._with_baseline = 0 in finalists
        self._n_others = len(finalists) - self._with_baseline
        self._once = np.ones((1, trials.rows.n_units), np.int64)
        self.chosen = self._draw_members(finalists, self._once)
        a_number = 0.05 if isinstance(trials, TrialsByRow) else 0.25  # of metrics that sort
        microseconds = blends.n_passes * (50 + a_number * blends.n_numbers)
        n_draws = _MOST_MICROSECONDS / (_STEPS * len(finalists) * microseconds)
        self.n_draws = int(np.clip(n_draws, _FEWEST_DRAWS, _MOST_DRAWS))

    def on_left_out(self, counts: Rows) -> Rows:
        """Losses of an ensemble of the finalists of each draw."""
        found = np.full(len(counts), np.nan)
        for each, losses in enumerate(self.trials.on_drawn(counts)):
            if np.isfinite(losses).all():
                of_draw = counts[each : each + 1]
                chosen = self._draw_members(self._finalists(losses), of_draw)
                found[each] = self._blends.of(chosen).on_left_out(of_draw, np.zeros(1, np.int64))[0]
        return found

    def on_all(self) -> float:
        """The loss of `chosen`."""
        return float(self._blends.of(self.chosen).on_drawn(self._once)[0, 0])

    def _finalists(self, losses: Rows) -> list[int]:
        """The baseline, where it may be averaged, and the best others, of equal ones the first."""
        others = 1 + np.argsort(losses[1:], kind="stable")[: self._n_others]
        places = [0, *others] if self._with_baseline else others
        return sorted(self.trials.indices[places].tolist())

    def _draw_members(self, finalists: Sequence[int], counts: Rows) -> Drawn:
        return draw_members(finalists, lambda drawn: float(self._blends.of(drawn).on_drawn(counts)[0, 0]))
