"""Drawing rows with replacement, choosing on them, and scoring on those that are left out: the NumPy of `bootstrap`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator

import numpy as np

from search.records import SelectionEstimate
from search.selection._drawn_trials import Rows, Trials
from search.selection.student import upper_quantile

_MOST_NUMBERS = 2_000_000
"""How many counts of drawn units are held at once: draws times units."""

_MOST_REDRAWS = 50
"""How often those draws of a lot are drawn anew that have no score."""

ROUNDING = 1e-12
"""By what share of them two losses may differ that are equal: sums round."""


class Chooser(ABC):
    """A way to choose among trials by drawn rows.

    Args:
        trials: What is chosen from, the baseline first.
    """

    def __init__(self, trials: Trials) -> None:
        self.trials = trials

    @abstractmethod
    def on_left_out(self, counts: Rows) -> Rows:
        """Losses on the rows left out, of what is chosen by the drawn ones, shape (draws,).

        Args:
            counts: How often each unit is drawn, shape (draws, units), int64.

        Returns:
            NaN where the drawn rows choose nothing, since one of the trials has no score on them.
        """

    @abstractmethod
    def on_all(self) -> float:
        """The loss on all rows, of what is chosen by all of them."""


class BestTrial(Chooser):
    """The trial with the lowest loss is chosen."""

    def on_left_out(self, counts: Rows) -> Rows:
        """Losses of the best trials."""
        losses = self.trials.on_drawn(counts)
        found = self.trials.on_left_out(counts, _first_best(losses))
        return np.where(np.isfinite(losses).all(axis=1), found, np.nan)

    def on_all(self) -> float:
        """The loss of the best trial."""
        losses = self.trials.on_all()
        return float(losses[_first_best(losses)])


def estimate(chooser: Chooser, sign: float, seed: int, n_draws: int, level: float) -> SelectionEstimate | None:
    """Draw, choose and score, so many times.

    Args:
        chooser: What is chosen from, and how.
        sign: Of losses: 1 where a low score is good, and else -1.
        seed: Of the draws.
        n_draws: How often.
        level: Of the intervals.

    Returns:
        None where fewer than two draws have a score.
    """
    rng, trials = np.random.default_rng(seed), chooser.trials
    found = np.concatenate([_lost(chooser, counts) for counts in _draw(rng, trials, n_draws)])
    found = found[np.isfinite(found).all(axis=1)]
    if len(found) < 2:
        return None
    chosen, baseline = found.T
    loss, (low, high) = _mean_and_interval(chosen, trials.rows.n_units, level)
    difference, difference_interval = _mean_and_interval(baseline - chosen, trials.rows.n_units, level)
    apparent = chooser.on_all()
    return SelectionEstimate(
        score=sign * loss,
        interval=(low, high) if sign > 0 else (-high, -low),
        difference=difference,
        difference_interval=difference_interval,
        apparent=sign * apparent,
        optimism=loss - apparent,
        level=level,
        n_draws=len(found),
        n_trials=trials.n_trials,
    )


def _draw(rng: np.random.Generator, trials: Trials, n_draws: int) -> Iterator[Rows]:
    """Counts of drawn units, some draws at a time, shape (draws, units); those that have no score are drawn anew."""
    n_units = trials.rows.n_units
    n_at_once = max(1, _MOST_NUMBERS // n_units)
    for first in range(0, n_draws, n_at_once):
        counts = _draw_units(rng, n_units, min(n_at_once, n_draws - first))
        for _ in range(_MOST_REDRAWS):
            usable = trials.are_usable(counts)
            if usable.all():
                break
            counts[~usable] = _draw_units(rng, n_units, int((~usable).sum()))
        yield counts[trials.are_usable(counts)]


def _draw_units(rng: np.random.Generator, n_units: int, n_draws: int) -> Rows:
    """As many units as there are, with replacement: how often each, shape (draws, units), int64."""
    drawn = rng.integers(n_units, size=(n_draws, n_units)) + n_units * np.arange(n_draws)[:, None]
    return np.bincount(drawn.ravel(), minlength=n_draws * n_units).reshape(n_draws, n_units)


def _lost(chooser: Chooser, counts: Rows) -> Rows:
    """Losses on the rows left out, of what is chosen by the drawn ones, and of the baseline; shape (draws, 2)."""
    baseline = np.zeros(len(counts), np.int64)
    return np.stack([chooser.on_left_out(counts), chooser.trials.on_left_out(counts, baseline)], axis=1)


def _first_best(losses: Rows) -> Rows:
    """Index of the lowest loss along the last axis; of equal ones the first."""
    best = losses.min(axis=-1, keepdims=True)
    return np.asarray((losses <= best + ROUNDING * np.abs(best)).argmax(axis=-1))


def _mean_and_interval(values: Rows, n_units: int, level: float) -> tuple[float, tuple[float, float]]:
    """The mean over draws, and an interval around it by their standard deviation, no wider than they are."""
    mean = float(values.mean())
    half = upper_quantile((1 - level) / 2, n_units - 1) * float(values.std(ddof=1))
    low, high = max(mean - half, float(values.min())), min(mean + half, float(values.max()))
    return mean, (min(low, mean), max(high, mean))  # equal numbers need not have that mean to the last digit
