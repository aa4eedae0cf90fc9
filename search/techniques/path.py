"""Path: training goes on from the last solution at rising coefficients."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import cast

from search.records import Setting
from search.techniques._base import Technique
from search.techniques._domains import positive

PENALTIES = (
    "l1",
    "l2",
    "kernel_l1",
    "kernel_l2",
    "l1l2",
    "bias_l1",
    "bias_l2",
    "recurrent_l1",
    "recurrent_l2",
    "orthogonal",
    "activity_l1",
    "activity_l2",
)
"""The techniques whose coefficients rise."""


class Path(Technique):
    """Trains at coefficients of at most `value`, then on from there at ten times that, until all are at their own.

    Source: Friedman et al. 2010, Regularization paths for generalized linear models via coordinate descent (whose path
        falls: there the strongest penalty has the simplest solution).
    """

    name = "path"
    off = 0.0
    requires = PENALTIES
    domain = positive(
        "coefficient of penalties at which training starts, to go on at ten times as much",
        "Friedman et al. 2010",
        weak="high",
    )


def path_stages(configuration: Mapping[str, Setting]) -> list[dict[str, Setting]]:
    """The configurations that are trained one after the other, each from the weights of the one before.

    A stage has every coefficient of a penalty at `path`, ten times `path` and so on, or at its own where that is
    smaller. The last one is the configuration itself. None of them has `path` in it, so that stages of different
    configurations are equal where they train alike.

    Args:
        configuration: Technique or setting name to value; without `path` it is the only stage.
    """
    full = {name: value for name, value in configuration.items() if name != Path.name}
    if Path.name not in configuration:
        return [full]
    start = float(cast(float, configuration[Path.name]))
    own = {name: float(cast(float, value)) for name, value in full.items() if name.rpartition(".")[2] in PENALTIES}
    # Rounded, so that ten times 1e-6 is 1e-5 and a stage of one path is that of another.
    limits = (float(f"{start * 10.0**power:.12g}") for power in itertools.count())
    rising = itertools.takewhile(lambda limit: any(limit < coefficient for coefficient in own.values()), limits)
    return [{**full, **{name: min(value, limit) for name, value in own.items()}} for limit in rising] + [full]
