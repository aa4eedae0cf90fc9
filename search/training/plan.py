"""What a worker needs to train the runs of one study, and nothing more."""

from __future__ import annotations

import hashlib
import pickle
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from search.data import Dataset, Fold, SourceFunction
from search.models.saved import SavedModel
from search.records import Run
from search.spec import Called, StudySpec
from search.techniques import watches_stop_rows
from search.training.metrics import Metric, OwnMetric, find_metric


@dataclass(frozen=True)
class Capacity:
    """Rows that a compiled program has room for, whichever fold and configuration it trains.

    Args:
        train: Rows that train.
        evaluated: Rows that stop and rows that score, together.
    """

    train: int
    evaluated: int


@dataclass(frozen=True)
class TrainingPlan:
    """The part of a study that workers see.

    Args:
        dataset: The development rows: those that train, stop and score. Sealed rows are not in it.
        folds: Row positions in `dataset`; the fold of a run is found by `purpose` and `number`.
        spec: The study.
        metric: Name of the score: one of `METRICS`, whose arguments are in `spec`, or that of `own_metric`.
        saved: The user's own model; None for a family's.
        loss: The user's own function that is the loss; None for one of Keras.
        own_metric: The user's own function that scores; None for one of `METRICS`.
        identity: Fingerprint of data and folds, in hexadecimal: a worker keeps prepared rows under it.
    """

    dataset: Dataset
    folds: tuple[Fold, ...]
    spec: StudySpec
    metric: str
    saved: SavedModel | None = None
    loss: SourceFunction | None = None
    own_metric: OwnMetric | None = None
    identity: str = field(init=False)

    def __post_init__(self) -> None:
        content = pickle.dumps((self.dataset, self.folds))
        object.__setattr__(self, "identity", hashlib.sha256(content).hexdigest())

    @property
    def scoring(self) -> Metric:
        """What scores."""
        if self.own_metric is not None:
            return self.own_metric
        asked = self.spec.objective.metric
        return find_metric(self.metric, asked.arguments if isinstance(asked, Called) else None)

    @cached_property
    def capacity(self) -> Capacity:
        """Rows that a program for any run of this study must have room for."""
        stops = watches_stop_rows(self.spec.space)
        trained = [np.union1d(fold.train, np.setdiff1d(fold.stop, fold.validation)) for fold in self.folds]
        watched = [np.setdiff1d(fold.stop, fold.validation) if stops else () for fold in self.folds]
        return Capacity(
            train=max(map(len, trained)),
            evaluated=max(len(f.validation) + len(w) for f, w in zip(self.folds, watched, strict=True)),
        )

    def fold(self, run: Run) -> Fold:
        """The fold of a run: that of its purpose with its number."""
        return next(fold for fold in self.folds if (fold.purpose, fold.number) == (run.purpose, run.fold))
