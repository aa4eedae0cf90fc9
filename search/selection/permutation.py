"""Whether predictions tell anything of the labels: how often they score as well with labels that are dealt out anew.

A score may be far from sure, since few rows decide it, and the predictions all the same tell more of the labels than
chance could. The permutation test asks that alone (Ojala and Garriga 2010, Permutation Tests for Studying Classifier
Performance; there the models are trained anew each time, here predictions of rows that trained none of them stay as
they are).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy.typing as npt

    Rows = npt.NDArray[Any]
    Score = Callable[[Rows, Rows, Rows | None], float]

N_PERMUTATIONS = 199

_MOST_ROWS = 100_000
"""Whose predictions are scored each time, of more passes the first ones: metrics that sort take 10 s for them."""


def permutation_chance(
    predicted: Sequence[tuple[Rows, Rows]],
    target: Rows,
    *,
    score: Score,
    sign: float,
    seed: int,
    weight: Rows | None = None,
) -> float:
    """The chance of such a score or a better one where targets have nothing to do with rows.

    Args:
        predicted: Positions of rows, shape (n,), and what was predicted of them by runs that did not train on them, as
            `score` takes it; a pass over the rows, or a part of one. The mean of their scores is what is compared.
        target: Of all rows, as `score` takes it.
        score: The metric.
        sign: 1 where a high score is good, else -1.
        seed: Of the permutations.
        weight: How much each row counts, shape (rows,); None when all count alike. It stays with its row.

    Returns:
        In steps of 1 / 200, and 1 / 200 at least.
    """
    import numpy as np

    passes = list(_first_of(predicted))

    def mean(targets: Rows) -> float:
        scores = [score(targets[rows], values, None if weight is None else weight[rows]) for rows, values in passes]
        return sign * float(np.mean(scores))

    rng = np.random.default_rng(seed)
    observed = mean(target)
    others = [mean(target[rng.permutation(len(target))]) for _ in range(N_PERMUTATIONS)]
    # What cannot be scored is no evidence.
    as_good = sum(not other < observed for other in others)
    return (1 + as_good) / (1 + N_PERMUTATIONS)


def _first_of(predicted: Sequence[tuple[Rows, Rows]]) -> Iterator[tuple[Rows, Rows]]:
    """As many passes as there is time for, one at least."""
    n_rows = 0
    for rows, values in predicted:
        n_rows += len(rows)
        if n_rows > _MOST_ROWS and n_rows > len(rows):
            return
        yield rows, values
