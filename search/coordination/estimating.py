"""What the selection itself is worth: out-of-fold predictions of the search are handed to the bootstrap."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from search.data import Fold
from search.preparation.study import PreparedStudy
from search.records import BASELINE_TRIAL, Predictions, SelectionEstimate, Trial, TrialState
from search.selection import bootstrap_selection

Key = tuple[int, int, int]
"""Trial, fold and repeat of a run."""

_Positions = npt.NDArray[np.int64]


def estimate_selection(
    prepared: PreparedStudy, trials: Sequence[Trial], predicted: Mapping[Key, Predictions]
) -> SelectionEstimate | None:
    """What whatever trial looks best scores on rows that it was not chosen on, and by how much it beats the baseline.

    Args:
        prepared: The study.
        trials: All its trials.
        predicted: What runs of the search predicted of the rows that score them. Trials of which a run has none, since
            its room went to better ones, take no part.

    Returns:
        None where the baseline has none, where nothing else has, where there are too few rows, or where a function of
        the user's scores: it is not called in the coordinator, and not a hundred thousand times.
    """
    if prepared.plan.own_metric is not None:
        return None
    passes = _Passes(prepared, predicted)
    complete = (trial.number for trial in trials if trial.state is TrialState.COMPLETE)
    taking_part = [number for number in complete if passes.has_all(number)]
    if BASELINE_TRIAL not in taking_part or len(taking_part) < 2:
        return None
    dataset, metric = prepared.plan.dataset, prepared.plan.scoring
    rows = passes.rows
    return bootstrap_selection(
        _Lazily(passes, taking_part),
        dataset.target[rows],
        score=metric.score,
        row_scores=metric.row_scores,
        direction=prepared.direction,
        seed=prepared.spec.study.seed,
        baseline=taking_part.index(BASELINE_TRIAL),
        weight=None if dataset.weight is None else dataset.weight[rows],
        groups=None if dataset.groups is None else dataset.groups[rows],
    )


class _Passes:
    """Predictions in passes: the folds of one repeat and one seed, which together hold every row that scores once."""

    def __init__(self, prepared: PreparedStudy, predicted: Mapping[Key, Predictions]) -> None:
        self._predicted = predicted
        self._n_seeds = prepared.spec.objective.seeds
        folds = prepared.plan.folds
        n_repeats: int = getattr(prepared.spec.split.validation, "repeats", 1) if prepared.scores_other_rows else 1
        size = len(folds) // n_repeats
        self._repeats = [folds[first : first + size] for first in range(0, len(folds), size)]
        self.rows: _Positions = _rows_of(self._repeats[0])

    def has_all(self, trial: int) -> bool:
        """Whether every run of a trial has its predictions, all of them finite: the storage keeps float32."""
        return all(
            (key := (trial, fold.number, seed)) in self._predicted and np.isfinite(self._predicted[key].values).all()
            for repeat in self._repeats
            for fold in repeat
            for seed in range(self._n_seeds)
        )

    def of(self, trial: int) -> npt.NDArray[Any]:
        """Those of a trial, shape (passes, rows, outputs), in the order of `rows`."""
        return np.stack([self._one(trial, repeat, seed) for repeat in self._repeats for seed in range(self._n_seeds)])

    def _one(self, trial: int, repeat: Sequence[Fold], seed: int) -> npt.NDArray[Any]:
        values = np.concatenate([self._predicted[trial, fold.number, seed].values for fold in repeat])
        return values[np.argsort(np.concatenate([fold.validation for fold in repeat]))]


class _Lazily(Sequence[npt.NDArray[Any]]):
    """The passes of one trial after the other."""

    def __init__(self, passes: _Passes, trials: Sequence[int]) -> None:
        self._passes = passes
        self._trials = trials

    def __len__(self) -> int:
        return len(self._trials)

    def __getitem__(self, place: Any) -> Any:
        return self._passes.of(self._trials[place])


def _rows_of(repeat: Sequence[Fold]) -> _Positions:
    return np.sort(np.concatenate([fold.validation for fold in repeat]))
