"""What runs in a child process: the user's own metric scores guesses."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from search.training import OwnMetric

Array = npt.NDArray[Any]


def answer(metric: OwnMetric, guesses: Sequence[tuple[Array, Array, Array | None]]) -> tuple[Array, Array]:
    """The score of each guess, and what is wrong with the metric: nothing, or place, message and remedy.

    Args:
        metric: The metric.
        guesses: Targets, predictions and weights, as `Metric.score` takes them.
    """
    from search.training import OwnMetricError

    beside = str(Path(__file__).parent)
    sys.path[:] = [folder for folder in sys.path if folder != beside]  # our modules must not shadow the user's packages
    tried = ""
    try:
        metric.load(weighted=any(weight is not None for _, _, weight in guesses))
        tried = " for a guess that is the same for every row"
        scores = [metric.score(*guess) for guess in guesses]
    except OwnMetricError as error:
        return np.zeros(0), np.array([error.place, f"{error.message}{tried}", error.remedy])
    return np.array(scores), np.array([], dtype=str)
