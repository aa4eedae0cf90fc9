"""What the selection is worth, and an ensemble of its finalists: predictions by runs of the search are handed on."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from search.data import Fold
from search.preparation.study import PreparedStudy
from search.records import BASELINE_TRIAL, Predictions, SelectionEstimate, Trial, TrialState
from search.selection import Ensemble, bootstrap_selection, choose_ensemble

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
    passes = Passes(prepared, predicted)
    taking_part = [trial.number for trial in passes.complete(trials)]
    if BASELINE_TRIAL not in taking_part or len(taking_part) < 2:
        return None
    return bootstrap_selection(passes.of_all(taking_part), passes.target, **_arguments(prepared, passes, taking_part))


def estimate_ensemble(
    prepared: PreparedStudy,
    trials: Sequence[Trial],
    predicted: Mapping[Key, Predictions],
    finalists: Collection[int],
) -> Ensemble | None:
    """The ensemble of the finalists, and what one that is chosen like it scores on rows that it was not chosen on.

    Args:
        prepared: The study.
        trials: All its trials.
        predicted: As in `estimate_selection`.
        finalists: The numbers of those that may be averaged. Of these too, only trials of which every run has its
            predictions take part.

    Returns:
        The ensemble, with weights by the number of a trial; None where the baseline has no predictions, or no finalist
        has. Where a function of the user's scores it has no estimate: that would call it a hundred thousand times.
    """
    passes = Passes(prepared, predicted)
    # A configuration that came twice would be two of the best trials: finalists have it once, and so have all here.
    ranked = sorted(passes.complete(trials), key=lambda trial: (trial.number in finalists, -trial.number))
    taking_part = sorted({trial.configuration: trial.number for trial in ranked}.values())
    places = [place for place, trial in enumerate(taking_part) if trial in finalists]
    if BASELINE_TRIAL not in taking_part or not places:
        return None
    arguments = _arguments(prepared, passes, taking_part)
    arguments["n_draws"] = None if prepared.plan.own_metric is None else 0
    found = choose_ensemble(passes.of_all(taking_part), passes.target, places, **arguments)
    return replace(found, weights={taking_part[place]: weight for place, weight in found.weights.items()})


def _arguments(prepared: PreparedStudy, passes: Passes, trials: Sequence[int]) -> dict[str, Any]:
    """What both take of a study."""
    dataset, metric, rows = prepared.plan.dataset, prepared.plan.scoring, passes.rows
    return {
        "score": metric.score,
        "row_scores": metric.row_scores,
        "direction": prepared.direction,
        "seed": prepared.spec.study.seed,
        "baseline": trials.index(BASELINE_TRIAL),
        "weight": None if dataset.weight is None else dataset.weight[rows],
        "groups": None if dataset.groups is None else dataset.groups[rows],
    }


class Passes:
    """Predictions in passes: the folds of one repeat and one seed, which together hold every row that scores once.

    Args:
        prepared: The study.
        predicted: What runs of the search predicted of the rows that score them.

    Attributes:
        rows: Positions of the rows that score, ascending, shape (rows,).
        target: Of these rows, shape (rows, ...).
    """

    def __init__(self, prepared: PreparedStudy, predicted: Mapping[Key, Predictions]) -> None:
        self._predicted = predicted
        self._n_seeds = prepared.spec.objective.seeds
        folds = prepared.plan.folds
        n_repeats: int = getattr(prepared.spec.split.validation, "repeats", 1) if prepared.scores_other_rows else 1
        size = len(folds) // n_repeats
        self._repeats = [folds[first : first + size] for first in range(0, len(folds), size)]
        self.rows: _Positions = _rows_of(self._repeats[0])
        self.target = prepared.plan.scoring.target_of(prepared.plan.dataset)[self.rows]

    def complete(self, trials: Iterable[Trial]) -> list[Trial]:
        """The complete ones among some trials of which every run has its predictions."""
        return [trial for trial in trials if trial.state is TrialState.COMPLETE and self.has_all(trial.number)]

    def of_all(self, trials: Sequence[int]) -> Sequence[npt.NDArray[Any]]:
        """Those of some trials, put together when they are asked for."""
        return _Lazily(self, trials)

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

    def __init__(self, passes: Passes, trials: Sequence[int]) -> None:
        self._passes = passes
        self._trials = trials

    def __len__(self) -> int:
        return len(self._trials)

    def __getitem__(self, place: Any) -> Any:
        return self._passes.of(self._trials[place])


def _rows_of(repeat: Sequence[Fold]) -> _Positions:
    return np.sort(np.concatenate([fold.validation for fold in repeat]))
