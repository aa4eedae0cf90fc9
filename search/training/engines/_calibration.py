"""How fast an engine is, measured on a few epochs."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from search.training.engines._base import Job

_CALIBRATION_SECONDS = 0.05
_LONGEST_SECONDS = 1.0
_MOST_CALIBRATION_EPOCHS = 4096


def calibrated(train: Callable[[int], float]) -> float:
    """Wall time of an epoch, measured on so many of them that the clock can tell.

    On a machine that is busy, a process waits for a processor longer than an epoch of a small net takes. That it waited
    is no measurement: it goes on until it has worked for long enough, or a second has passed, as where a GPU works.

    Args:
        train: Trains so many epochs, and returns the wall time of one.
    """
    n_epochs = 1
    while True:
        worked_before = time.process_time()
        seconds = train(n_epochs)
        worked = time.process_time() - worked_before
        passed = seconds * n_epochs
        is_measured = passed > _CALIBRATION_SECONDS and (worked > _CALIBRATION_SECONDS or passed > _LONGEST_SECONDS)
        if is_measured or n_epochs >= _MOST_CALIBRATION_EPOCHS:
            return seconds
        n_epochs *= 4


def shortened(job: Job, n_epochs: int) -> Job:
    """The same work for exactly so many epochs; techniques are off, so that none makes it diverge."""
    training = job.training.model_copy(update={"epochs": n_epochs})
    return replace(job, training=training, stopping=None, values={})
