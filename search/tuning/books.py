"""The study's trials as the storage has them, kept in step with it."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from search.records import BASELINE_TRIAL, RunResult, StudyRecord, Trial, TrialState
from search.selection import best_trial
from search.storage import MAX_INTERMEDIATE_VALUES, Storage


class Books:
    """Every trial of a study; what is written here is written in the storage first.

    Args:
        trials: The trials that the storage holds.
        record: The study.
        storage: Where the trials go.
    """

    def __init__(self, trials: Sequence[Trial], record: StudyRecord, storage: Storage) -> None:
        self.trials = {trial.number: trial for trial in trials}
        self.record = record
        self._storage = storage
        self.n_ended = sum(trial.state.is_final for trial in trials)
        self.n_failed = sum(trial.state is TrialState.FAIL for trial in trials)
        self.best = best_trial(trials, record.direction)

    def start(self, trial: Trial) -> None:
        """Write a trial that was asked."""
        self._storage.start_trial(
            self.record.study_id,
            trial.number,
            trial.configuration,
            trial.parameters,
            baseline=trial.number == BASELINE_TRIAL,
        )
        self.trials[trial.number] = trial

    def finish(
        self,
        number: int,
        results: Sequence[RunResult],
        score: float | None,
        error: str | None,
        same_as: int | None,
    ) -> Trial:
        """Write the outcome of a trial with its runs.

        Args:
            number: A trial that was started.
            results: Its runs; none when it repeats the configuration of another trial.
            score: Mean over the runs; None when the trial failed.
            error: Why it failed; None when it did not.
            same_as: The trial whose configuration it repeats.
        """
        state = TrialState.FAIL if score is None else TrialState.COMPLETE
        self._storage.finish_trial(
            self.record.study_id,
            number,
            state,
            score,
            error,
            results,
            intermediate_values(results),
            {} if same_as is None else {"same_as_trial": same_as},
        )
        asked = self.trials[number]
        trial = Trial(number, state, asked.configuration, score, error, asked.parameters, asked.started)
        self.trials[number] = trial
        self.n_ended += 1
        self.n_failed += score is None
        contenders = [trial] if self.best is None else [self.best, trial]
        self.best = best_trial(contenders, self.record.direction)
        return trial


def intermediate_values(results: Sequence[RunResult]) -> dict[int, float]:
    """The mean validation metric at 50 epochs at most, spread evenly, for the dashboard.

    Runs end at epochs of their own; the mean is taken over the epochs that all of them trained.
    """
    curves = [r.curve.validation_metric for r in results]
    n_epochs = min((len(curve) for curve in curves), default=0)
    if n_epochs == 0:
        return {}
    epochs = np.unique(np.linspace(1, n_epochs, min(n_epochs, MAX_INTERMEDIATE_VALUES)).round().astype(int))
    return {int(epoch): math.fsum(c[epoch - 1] for c in curves) / len(curves) for epoch in epochs}
