"""The difference between two models on rows that had no part in anything: how large, and how sure.

Such rows stand for themselves: the models are what they are, and differences of rows are independent. Where the metric
is a mean over rows, the mean difference has Student's interval, with weights that of a ratio. Other metrics are
computed of rows that are drawn with replacement, many times (Efron and Tibshirani 1993, the percentile interval).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from search.records import Difference
from search.selection.student import upper_quantile

if TYPE_CHECKING:
    import numpy.typing as npt

    Rows = npt.NDArray[Any]
    Score = Callable[[Rows, Rows, Rows | None], float]

_N_DRAWS = 1000


def compare_by_rows(gains: Rows, weight: Rows | None, level: float) -> Difference:
    """The mean difference of rows.

    Args:
        gains: By how much the first model is better, row by row, shape (rows,).
        weight: How much each row counts, shape (rows,), not all 0; None when all count alike.
        level: Of the interval, in (0, 1).
    """
    import numpy as np

    weights = np.ones(len(gains)) if weight is None else weight.astype(np.float64)
    gains, weights = gains[weights > 0].astype(np.float64), weights[weights > 0]
    mean = float(np.average(gains, weights=weights))
    if len(gains) < 2:
        return Difference(mean)
    squares = float((weights**2 * (gains - mean) ** 2).sum()) / float(weights.sum()) ** 2
    error = math.sqrt(squares * len(gains) / (len(gains) - 1))
    half = upper_quantile((1 - level) / 2, len(gains) - 1) * error
    return Difference(mean, mean - half, mean + half, error)


def compare_by_draws(
    score: Score, target: Rows, first: Rows, second: Rows, weight: Rows | None, *, sign: float, seed: int, level: float
) -> Difference:
    """The difference of scores that are no means over rows.

    Args:
        score: The metric.
        target: As `score` takes it, shape (rows, ...).
        first: What the first model predicts, shape (rows, outputs).
        second: What the second one predicts.
        weight: How much each row counts; None when all count alike.
        sign: 1 where a high score is good, else -1.
        seed: Of the draws.
        level: Of the interval, in (0, 1).
    """
    import numpy as np

    def gain(rows: Rows) -> float:
        weights = None if weight is None else weight[rows]
        return sign * (score(target[rows], first[rows], weights) - score(target[rows], second[rows], weights))

    rng = np.random.default_rng(seed)
    draws = np.array([gain(rng.integers(len(target), size=len(target))) for _ in range(_N_DRAWS)])
    draws = draws[np.isfinite(draws)]
    mean = gain(np.arange(len(target)))
    if len(draws) < 2:
        return Difference(mean)
    tail = (1 - level) / 2
    low, high = (float(end) for end in np.quantile(draws, [tail, 1 - tail]))
    return Difference(mean, min(low, mean), max(high, mean), float(draws.std(ddof=1)))
