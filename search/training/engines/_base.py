"""What an engine is: one training job in, its outcome out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy.typing as npt

from search.data import Arrays
from search.models import Architecture
from search.records import Curve
from search.spec import TrainingSection
from search.training.scoring import Metric


@dataclass(frozen=True)
class Job:
    """All that an engine needs to train once; coefficients and rates are values inside `regularized`.

    Args:
        arrays: Prepared rows. There are stop rows exactly when `patience` is given.
        plain: The model with everything off: its initial weights are the run's.
        regularized: The model to train: `plain` with techniques in its layers, which keep their names.
        training: Optimizer, learning rate, epochs and batch size.
        patience: Epochs without improvement on the stop rows; None trains all epochs and keeps the last weights.
        seed: Seed of initial weights, shuffling and noise.
        metric: The metric of the curve and of the score.
    """

    arrays: Arrays
    plain: Architecture
    regularized: Architecture
    training: TrainingSection
    patience: int | None
    seed: int
    metric: Metric


@dataclass(frozen=True)
class Outcome:
    """What came of a job.

    Args:
        curve: One value per epoch trained; an epoch that diverged is not in it.
        best_epoch: The epoch, from 1, whose weights were kept; 0 when the first one diverged.
        diverged_epoch: The epoch, from 1, whose loss or weights were not finite; None if all were.
        weights: Variable path (`dense_1/kernel`) to value, at the weights kept; empty after a divergence.
        penalty: Sum of all penalties at the weights kept.
    """

    curve: Curve
    best_epoch: int
    diverged_epoch: int | None
    weights: Mapping[str, npt.NDArray[Any]]
    penalty: float


class Engine(Protocol):
    """A way to run the epochs of a job."""

    @property
    def name(self) -> str:
        """Its name in `[training] engine`."""
        ...

    def train(self, job: Job) -> Outcome:
        """Train a job to its end. TensorFlow is set up already."""
        ...
