"""Drawing rows with replacement, choosing on them, and scoring on those that are left out: the NumPy of `bootstrap`."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from search.records import SelectionEstimate
from search.selection._drawn_trials import Rows, Trials
from search.selection.student import upper_quantile

_MOST_NUMBERS = 2_000_000
"""How many counts of drawn units are held at once: draws times units."""

_MOST_REDRAWS = 50
"""How often those draws of a lot are drawn anew that have no score."""

_ROUNDING = 1e-12
"""By what share of them two losses may differ that are equal: sums round."""


def estimate(trials: Trials, sign: float, seed: int, n_draws: int, level: float) -> SelectionEstimate | None:
    """Draw, choose and score, so many times.

    Args:
        trials: What is chosen from.
        sign: Of losses: 1 where a low score is good, and else -1.
        seed: Of the draws.
        n_draws: How often.
        level: Of the intervals.

    Returns:
        None where fewer than two draws have a score.
    """
    rng = np.random.default_rng(seed)
    found = np.concatenate([_choose(trials, counts) for counts in _draw(rng, trials, n_draws)])
    found = found[np.isfinite(found).all(axis=1)]
    if len(found) < 2:
        return None
    chosen, baseline = found.T
    loss, (low, high) = _mean_and_interval(chosen, trials.rows.n_units, level)
    difference, difference_interval = _mean_and_interval(baseline - chosen, trials.rows.n_units, level)
    on_all = trials.on_all()
    apparent = float(on_all[_first_best(on_all)])
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


def _choose(trials: Trials, counts: Rows) -> Rows:
    """Losses on the rows left out, of the trial that is best on the drawn ones, and of the baseline; (draws, 2)."""
    losses = trials.on_drawn(counts)
    chosen = _first_best(losses)
    found = np.stack([trials.on_left_out(counts, each) for each in (chosen, np.zeros_like(chosen))], axis=1)
    found[~np.isfinite(losses).all(axis=1)] = np.nan
    return found


def _first_best(losses: Rows) -> Rows:
    """Index of the lowest loss along the last axis; of equal ones the first."""
    best = losses.min(axis=-1, keepdims=True)
    return np.asarray((losses <= best + _ROUNDING * np.abs(best)).argmax(axis=-1))


def _mean_and_interval(values: Rows, n_units: int, level: float) -> tuple[float, tuple[float, float]]:
    """The mean over draws, and an interval around it by their standard deviation, no wider than they are."""
    mean = float(values.mean())
    half = upper_quantile((1 - level) / 2, n_units - 1) * float(values.std(ddof=1))
    low, high = max(mean - half, float(values.min())), min(mean + half, float(values.max()))
    return mean, (min(low, mean), max(high, mean))  # equal numbers need not have that mean to the last digit
