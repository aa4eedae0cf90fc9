"""What choosing the best trial is worth on rows that did not help to choose it."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class SelectionEstimate:
    """The score of the selection itself: of whatever trial looks best, on rows that it was not chosen on.

    Args:
        score: In the unit of the study's metric.
        interval: Where the score of the chosen trial lies on ever more rows, at `level`: low and high.
        difference: By how much that beats the baseline on the same rows; positive is better in either direction.
        difference_interval: The same for the difference.
        apparent: What the trial that looks best on all rows scores on these very rows.
        optimism: By how much `apparent` looks better than `score`; positive where choosing flatters.
        level: Probability that such an interval holds the truth, in (0, 1).
        n_draws: How often rows were drawn.
        n_trials: Trials that took part, the baseline among them.
    Raises:
        ValueError: They contradict themselves, or a number is not finite.
    """

    score: float
    interval: tuple[float, float]
    difference: float
    difference_interval: tuple[float, float]
    apparent: float
    optimism: float
    level: float
    n_draws: int
    n_trials: int

    def __post_init__(self) -> None:
        numbers = (self.score, *self.interval, self.difference, *self.difference_interval, self.apparent, self.optimism)
        if not all(map(math.isfinite, numbers)):
            raise ValueError(f"expected finite numbers, received {self}")
        for value, (low, high) in ((self.score, self.interval), (self.difference, self.difference_interval)):
            if not low <= value <= high:
                raise ValueError(f"expected an interval around {value}, received {low} to {high}")
        if not 0 < self.level < 1:
            raise ValueError(f"expected a level in (0, 1), received {self.level}")
        if self.n_draws < 1 or self.n_trials < 1:
            raise ValueError(f"expected draws and trials, received {self.n_draws} and {self.n_trials}")

    def to_json(self) -> dict[str, Any]:
        """The estimate as JSON-ready values; `from_json` gives the same estimate back."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in vars(self).items()}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> SelectionEstimate:
        """The estimate that `to_json` wrote.

        Raises:
            ValueError: The document is not an estimate.
        """
        if other := sorted({field.name for field in dataclasses.fields(cls)} ^ set(document)):
            raise ValueError(f"expected an estimate of a selection, received others in {', '.join(other)}")
        values: dict[str, Any] = {n: tuple(each) if isinstance(each, list) else each for n, each in document.items()}
        return cls(**values)
