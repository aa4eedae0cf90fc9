"""Path: training goes on from the last solution at rising coefficients."""

from __future__ import annotations

import itertools
from collections.abc import Mapping

from search.records import Setting
from search.techniques._base import StagesTechnique, Technique
from search.techniques._domains import positive


class Path(StagesTechnique):
    """Trains at coefficients of at most `value`, then on from there at ten times that, until all are at their own.

    Source: Friedman et al. 2010, Regularization paths for generalized linear models via coordinate descent (whose path
        falls: there the strongest penalty has the simplest solution).
    """

    name = "path"
    off = 0.0
    domain = positive(
        "coefficient of penalties at which training starts, to go on at ten times as much",
        "Friedman et al. 2010",
        weak="high",
    )

    def needs(self, other: Technique) -> bool:
        """Whether the other one is a penalty."""
        return other.is_penalty

    def stages(
        self, configuration: Mapping[str, Setting], value: float, penalties: Mapping[str, float]
    ) -> list[dict[str, Setting]]:
        """Every coefficient of a penalty at `value`, ten times `value` and so on, or at its own where that is smaller.

        Stages of different configurations are equal where they train alike.
        """
        # Rounded, so that ten times 1e-6 is 1e-5 and a stage of one path is that of another.
        limits = (float(f"{value * 10.0**power:.12g}") for power in itertools.count())
        rising = itertools.takewhile(lambda limit: any(limit < own for own in penalties.values()), limits)
        own = dict(configuration)
        return [{**own, **{name: min(most, limit) for name, most in penalties.items()}} for limit in rising] + [own]
