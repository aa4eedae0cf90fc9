"""What an engine is: a training job in, its outcome out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from search.data import Arrays, SourceFunction
from search.models import Architecture
from search.records import Curve
from search.spec import TrainingSection
from search.training.metrics import Metric
from search.training.plan import Capacity
from search.training.stopping import Stopping

Watch = Callable[[int, npt.NDArray[np.float32]], bool]
"""Told, now and then, of the validation metric of the epochs since the last time: the first of these epochs, from 1,
and the values. Returns whether the job is to go on."""


def keep_going(first_epoch: int, validation_metric: npt.NDArray[np.float32]) -> bool:
    """The watch of those who only want the outcome."""
    return True


@dataclass(frozen=True)
class Whole:
    """A model of which a job trains what lies behind the frozen front.

    Args:
        plain: With everything off: its initial weights are those of the run.
        regularized: With the techniques of the configuration in its layers.
    """

    plain: Architecture
    regularized: Architecture


@dataclass(frozen=True)
class Job:
    """All that an engine needs to train once.

    The model is told three times, because engines need it in different ways: `plain` for the initial weights, `open`
    for a program that is compiled once for all values, `regularized` for a Keras model of this job alone.

    Args:
        arrays: Prepared rows. There are stop rows exactly when `stopping` is given.
        capacity: Rows that a program must have room for so that it serves all jobs of the study.
        plain: The model with everything off: its initial weights are the run's. It has the head of a second task only
            in studies that search the weight of its loss.
        open: `plain` with every technique of the space in its layers, values left open.
        regularized: `plain` with the techniques of the configuration in its layers, which keep their names.
        names: Every name in [space].
        values: Technique name, perhaps with a layer pattern, to its value as a number; what is off is absent.
        training: Optimizer, learning rate, epochs, batch size and precision.
        stopping: When the stop rows end the run; None trains all epochs and keeps the last weights.
        seed: Seed of initial weights, shuffling and noise.
        metric: The metric of the curve and of the score; rows count in it by the weights of the data.
        n_classes: Number of classes; 0 for a regression.
        start: Weights to begin with instead of the initial ones, by path; None for a run that begins anew.
        pretrained: Layers whose weights are from the user's file, or were in the phase before.
        callbacks: The user's functions that return callbacks of Keras, made anew for each job; for the engine `fit`.
        whole: The model with its frozen front, where the rows of the job have passed that already; else None.
    """

    arrays: Arrays
    capacity: Capacity
    plain: Architecture
    open: Architecture
    regularized: Architecture
    names: tuple[str, ...]
    values: Mapping[str, float]
    training: TrainingSection
    stopping: Stopping | None
    seed: int
    metric: Metric
    n_classes: int
    start: Mapping[str, npt.NDArray[Any]] | None = None
    whole: Whole | None = None
    pretrained: frozenset[str] = frozenset()
    callbacks: tuple[SourceFunction, ...] = ()


@dataclass(frozen=True)
class Outcome:
    """What came of a job.

    Args:
        curve: One value per epoch trained; an epoch that diverged is not in it.
        score: The metric of the validation rows at the weights kept; NaN when there are none.
        best_epoch: The epoch, from 1, whose weights were kept; 0 when the first one diverged.
        diverged_epoch: The epoch, from 1, whose loss or weights were not finite; None if all were.
        weights: Every weight of the regularized model, trainable or not, by its path (`dense_1/kernel`), at the weights
            kept; empty after a divergence.
        penalty: Sum of the penalties on weights, at the weights kept.
        zero_shares: Hidden layer to the share of its outputs on the validation rows that are exactly 0, at the weights
            kept; empty unless activations are penalized in the study, and after a divergence.
        predicted: What the model says of the validation rows at the weights kept, of which the score was computed:
            probabilities of classes, float32, or numbers in the target's own unit, float64 where the target is scaled
            and else float32; shape (rows, outputs). No rows after a divergence.
        withdrawn: Whether the watch ended it.
    """

    curve: Curve
    score: float
    best_epoch: int
    diverged_epoch: int | None
    weights: Mapping[str, npt.NDArray[Any]]
    penalty: float
    zero_shares: Mapping[str, float]
    predicted: npt.NDArray[np.floating[Any]]
    withdrawn: bool = False


NOT_PREDICTED: npt.NDArray[np.float32] = np.zeros((0, 0), np.float32)
"""What a run that diverged predicts."""


class Engine(Protocol):
    """A way to run the epochs of jobs."""

    @property
    def name(self) -> str:
        """Its name in `[training] engine`."""
        ...

    def train(self, job: Job, watch: Watch = keep_going) -> Outcome:
        """Train a job to its end; TensorFlow is set up already.

        One job, for on a CPU one after the other was measured to be best: a job fills a core. `LanesEngine` has a
        method of its own for many at once.

        Args:
            job: What to train.
            watch: Told how it goes.
        """
        ...
