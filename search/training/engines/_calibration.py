"""How fast an engine is, measured on a few epochs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from search.training.engines._base import Job

_CALIBRATION_SECONDS = 0.05
_MOST_CALIBRATION_EPOCHS = 4096


def calibrated(train: Callable[[int], float]) -> float:
    """Wall time of an epoch, measured on so many of them that the clock can tell.

    Args:
        train: Trains so many epochs, and returns the wall time of one.
    """
    n_epochs = 1
    while True:
        seconds = train(n_epochs)
        if seconds * n_epochs > _CALIBRATION_SECONDS or n_epochs >= _MOST_CALIBRATION_EPOCHS:
            return seconds
        n_epochs *= 4


def shortened(job: Job, n_epochs: int) -> Job:
    """The same work for exactly so many epochs; techniques are off, so that none makes it diverge."""
    training = job.training.model_copy(update={"epochs": n_epochs})
    return replace(job, training=training, stopping=None, values={})
