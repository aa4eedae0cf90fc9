"""What a worker needs to train the runs of one study, and nothing more."""

from __future__ import annotations

import hashlib
import pickle
from dataclasses import dataclass, field

from search.data import Dataset, Fold
from search.spec import StudySpec


@dataclass(frozen=True)
class TrainingPlan:
    """The part of a study that workers see.

    Args:
        dataset: The development rows: those that train, stop and score. Sealed rows are not in it.
        folds: Row positions in `dataset`; the fold of a run is found by its `number`.
        spec: The study.
        metric: Name of the score, one of `METRICS`.
        identity: Fingerprint of data and folds, in hexadecimal: a worker keeps prepared rows under it.
    """

    dataset: Dataset
    folds: tuple[Fold, ...]
    spec: StudySpec
    metric: str
    identity: str = field(init=False)

    def __post_init__(self) -> None:
        content = pickle.dumps((self.dataset, self.folds))
        object.__setattr__(self, "identity", hashlib.sha256(content).hexdigest())

    def fold(self, number: int) -> Fold:
        """The fold with that number."""
        return next(fold for fold in self.folds if fold.number == number)
