"""A write-behind buffer: the study's trials as they are, and what the storage does not have of them yet."""

from __future__ import annotations

import functools
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from search.coordination.kept_predictions import surplus_predictions
from search.coordination.write_behind import Attempts, WriteBehind
from search.records import BASELINE_TRIAL, RunResult, StudyRecord, Trial, TrialOutcome, TrialState
from search.selection import best_trial
from search.storage import MAX_INTERMEDIATE_VALUES, Ended, Entry, Progressed, Started, Storage

LONGEST_UNWRITTEN_SECONDS = 0.5
"""How long after the last time it is written again, at the earliest: what a crash may cost at most."""


class TrialBuffer:
    """Every trial of a study. What is noted here counts at once; the storage gets it with the next `flush`.

    Writing costs a transaction, whose price hardly depends on what is in it; trials that end many times a second
    share one.

    What runs predicted goes there too, of complete trials alone, and is bounded: see `surplus_predictions`.

    Args:
        trials: The trials that the storage holds.
        record: The study.
        storage: Where the trials go.
        most_prediction_bytes: How much room the predictions of the search may take in the storage.
    """

    def __init__(
        self,
        trials: Sequence[Trial],
        record: StudyRecord,
        storage: Storage,
        most_prediction_bytes: float = math.inf,
    ) -> None:
        self.trials = {trial.number: trial for trial in trials}
        self.record = record
        self._storage = storage
        self._writer, self._attempts = WriteBehind(storage, record), Attempts(storage)
        self._unwritten: list[Started | Ended] = []
        self._unwritten_progress: dict[int, Progressed] = {}
        self._is_written = True
        self._written_at = -math.inf
        self._most_prediction_bytes = most_prediction_bytes
        self._prediction_sizes = storage.predictions_size(record.study_id)
        self.n_ended = sum(trial.state.is_final for trial in trials)
        self.n_failed = sum(trial.state is TrialState.FAIL for trial in trials)
        self.n_pruned = sum(trial.state is TrialState.PRUNED for trial in trials)
        self.best = best_trial(trials, record.direction)

    def start(self, trial: Trial) -> None:
        """Note a trial that was asked; it starts now."""
        number = trial.number
        entry = Started(number, trial.configuration, trial.parameters, baseline=number == BASELINE_TRIAL)
        self._unwritten.append(entry)
        self._is_written = False
        self.trials[number] = replace(trial, started=entry.at)

    def progress(self, number: int, values: Mapping[int, float]) -> None:
        """Note the intermediate values of a trial that runs, for the dashboard.

        Args:
            number: A trial that was started and did not end.
            values: Epoch to mean validation metric, at most 50; they take the place of those noted before.
        """
        self._unwritten_progress[number] = Progressed(number, values)
        self._is_written = False

    def finish(
        self,
        number: int,
        outcome: TrialOutcome,
        results: Sequence[RunResult],
        intermediate: Mapping[int, float] | None = None,
    ) -> Trial:
        """Note the outcome of a trial with its runs.

        Args:
            number: A trial that was started.
            outcome: How it ended.
            results: Its runs.
            intermediate: Epoch to value for the dashboard, at most 50; None for what the runs' curves tell.
        """
        shown = intermediate_values(results) if intermediate is None else intermediate
        return self._finish(number, outcome, results, shown, {})

    def finish_as(self, number: int, source: int, intermediate: Mapping[int, float] | None = None) -> Trial:
        """Note that a trial, which was not trained, has the outcome of another one of equal configuration.

        Args:
            number: A trial that was started.
            source: The trial that was trained, and has ended.
            intermediate: Epoch to value for the dashboard, at most 50.
        """
        return self._finish(number, self.trials[source].outcome, (), intermediate or {}, {"same_as_trial": source})

    def _finish(
        self,
        number: int,
        outcome: TrialOutcome,
        results: Sequence[RunResult],
        intermediate: Mapping[int, float],
        user_attrs: Mapping[str, int],
    ) -> Trial:
        state, score, error = outcome.state, outcome.score, outcome.error
        if state is not TrialState.COMPLETE:  # it is compared with none
            results = _without_predictions(results)
        if n_bytes := sum(result.predictions.n_bytes for result in results if result.predictions is not None):
            self._prediction_sizes[number] = n_bytes
        entry = Ended(number, state, score, error, results, intermediate, user_attrs, cause=outcome.cause)
        self._unwritten.append(entry)
        self._unwritten_progress.pop(number, None)
        self._is_written = False
        trial = replace(
            self.trials[number], state=state, score=score, error=error, cause=outcome.cause, completed=entry.at
        )
        self.trials[number] = trial
        self.n_ended += 1
        self.n_failed += state is TrialState.FAIL
        self.n_pruned += state is TrialState.PRUNED
        contenders = [trial] if self.best is None else [self.best, trial]
        self.best = best_trial(contenders, self.record.direction)
        return trial

    def seconds_until_due(self) -> float | None:
        """How long what is unwritten may still wait, 0 or more; None when everything is written."""
        if self._is_written:
            return None
        return max(0.0, self._written_at + LONGEST_UNWRITTEN_SECONDS - time.monotonic())

    def flush(self) -> None:
        """Write what is noted and not written yet, in one transaction; then forget stored predictions beyond the bound.

        While the database is away, and there is patience, it waits on the disk for a later flush.

        Raises:
            StorageError: The database failed, or another program wrote to the study; the entries stay unwritten.
        """
        surplus = self._drop_surplus()
        is_written = self._writer.write(self._entries())
        self._written_at = time.monotonic()
        if is_written:
            self._unwritten.clear()
            self._unwritten_progress.clear()
            self._is_written = not surplus or self._attempts.attempt(functools.partial(self._forget, surplus))

    def flush_all(self) -> None:
        """As `flush`, however long the database is away."""
        surplus = self._drop_surplus()
        self._writer.write_all(self._entries())
        self._written_at = time.monotonic()
        self._unwritten.clear()
        self._unwritten_progress.clear()
        self._forget(surplus)
        self._is_written = True

    def _entries(self) -> list[Entry]:
        return [*self._unwritten, *self._unwritten_progress.values()]

    def _forget(self, surplus: Sequence[int]) -> None:
        """Keep no predictions beyond the bound; once all is written, else a crash would cost some that are to stay."""
        self._storage.forget_predictions(self.record.study_id, surplus)
        for number in surplus:
            del self._prediction_sizes[number]

    def _drop_surplus(self) -> list[int]:
        """Drop predictions beyond the bound that are not written yet; the trials whose stored ones must go as well."""
        sizes, direction = self._prediction_sizes, self.record.direction
        surplus = set(surplus_predictions(sizes, self.trials, direction, self._most_prediction_bytes))
        for place, entry in enumerate(self._unwritten):
            if isinstance(entry, Ended) and entry.number in surplus:
                self._unwritten[place] = replace(entry, results=_without_predictions(entry.results))
                surplus.remove(entry.number)
                del sizes[entry.number]
        return sorted(surplus)


def _without_predictions(results: Sequence[RunResult]) -> Sequence[RunResult]:
    return [replace(result, predictions=None) for result in results]


def intermediate_values(results: Sequence[RunResult]) -> dict[int, float]:
    """The mean validation metric at 50 epochs at most, spread evenly, for the dashboard.

    Runs end at epochs of their own; the mean is taken over the epochs that all of them trained. Of a metric that is not
    known epoch by epoch, since it is a function of the user's, there are none.
    """
    curves = [result.curve.validation_metric for result in results]
    epochs = shown_epochs(min((len(curve) for curve in curves), default=0))
    if not epochs or all(np.isnan(curve).all() for curve in curves):
        return {}
    rows = np.array(epochs) - 1
    with np.errstate(invalid="ignore"):  # infinities of both signs have no mean
        means: npt.NDArray[np.float64] = np.mean([curve[rows] for curve in curves], axis=0, dtype=np.float64)
    return dict(zip(epochs, means.tolist(), strict=True))


def shown_epochs(n_epochs: int) -> list[int]:
    """At most 50 epochs from 1 to `n_epochs`, spread evenly, with the first and the last; none when there are none."""
    if n_epochs == 0:
        return []
    spread = np.linspace(1, n_epochs, min(n_epochs, MAX_INTERMEDIATE_VALUES))
    return [int(epoch) for epoch in np.unique(spread.round())]
