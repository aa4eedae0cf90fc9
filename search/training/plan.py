"""What a worker needs to train the runs of one study, and nothing more."""

from __future__ import annotations

import hashlib
import pickle
from dataclasses import dataclass, field
from functools import cached_property, partial

import numpy as np

from search.data import Dataset, Fold, SourceFunction, redraw_folds
from search.models.saved import SavedModel
from search.records import Run
from search.spec import Called, StudySpec
from search.techniques import watches_stop_rows
from search.training.metrics import Metric, OwnMetric, SummedMetric, find_metric, summed_metric
from search.training.recent import Recent

_STEPS_OF_ROOM = 16
_REDRAWS_KEPT = 4


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
        callbacks: The user's own functions that return callbacks.
        identity: Fingerprint of data and folds, in hexadecimal: a worker keeps prepared rows under it.
    """

    dataset: Dataset
    folds: tuple[Fold, ...]
    spec: StudySpec
    metric: str
    saved: SavedModel | None = None
    loss: SourceFunction | None = None
    own_metric: OwnMetric | None = None
    callbacks: tuple[SourceFunction, ...] = ()
    identity: str = field(init=False)

    def __post_init__(self) -> None:
        content = pickle.dumps((self.dataset, self.folds))
        object.__setattr__(self, "identity", hashlib.sha256(content).hexdigest())

    @property
    def scoring(self) -> Metric:
        """What scores."""
        if self.own_metric is not None:
            return self.own_metric
        if self.spec.objective.outputs:
            return self._summed
        asked = self.spec.objective.metric
        return find_metric(self.metric, asked.arguments if isinstance(asked, Called) else None)

    @cached_property
    def _summed(self) -> SummedMetric:
        return summed_metric(self.dataset, self.spec.objective.outputs or {})

    @property
    def has_recurrent_layers(self) -> bool:
        """Whether the net has loops of its own, over the steps of a sequence."""
        of_own = self.saved is not None and any(layer.is_recurrent for layer in self.saved.layers)
        return of_own or self.spec.model.family == "lstm"

    @cached_property
    def capacity(self) -> Capacity:
        """Rows that a program for any run of the search must have room for."""
        needs = [self._needs(fold) for fold in self.folds]
        return Capacity(max(need.train for need in needs), max(need.evaluated for need in needs))

    def capacity_for(self, run: Run) -> Capacity:
        """Rows that the program for a run has room for: the search's, so that it is the same program, where they do.

        Folds of whole groups differ in size; where another division has a larger one, the room grows in steps.
        """
        room, need = self.capacity, self._needs(self.fold(run))
        if need.train <= room.train and need.evaluated <= room.evaluated:
            return room
        step = max(1, len(self.dataset) // _STEPS_OF_ROOM)
        return Capacity(*(max(old, -(-new // step) * step) for old, new in zip(_rows(room), _rows(need), strict=True)))

    def fold(self, run: Run) -> Fold:
        """The fold of a run: that of its purpose with its number."""
        if run.purpose.is_redrawn:
            repeat, index = divmod(run.fold, len(self.folds))
            return self.redrawn(repeat)[index]
        return next(fold for fold in self.folds if (fold.purpose, fold.number) == (run.purpose, run.fold))

    def redrawn(self, repeat: int) -> tuple[Fold, ...]:
        """The folds of a repeat of the confirmation, which whoever needs them draws; the last few are kept.

        Raises:
            DataError: That draw cannot be made.
        """
        draw = partial(redraw_folds, self.dataset, self.spec.split, self.spec.study.seed, repeat)
        return self._redrawn.get(repeat, draw)

    @cached_property
    def _redrawn(self) -> Recent[int, tuple[Fold, ...]]:
        return Recent(_REDRAWS_KEPT)

    def _needs(self, fold: Fold) -> Capacity:
        """The rows of one fold, the stop rows apart or among those that train."""
        watched = np.setdiff1d(fold.stop, fold.validation)
        n_watched = len(watched) if watches_stop_rows(self.spec.space) else 0
        return Capacity(len(np.union1d(fold.train, watched)), len(fold.validation) + n_watched)


def _rows(capacity: Capacity) -> tuple[int, int]:
    return capacity.train, capacity.evaluated
