"""A study that others run, looked at again and again; each look reads what is new, however many trials there are."""

from __future__ import annotations

import datetime as dt
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from search.coordination.phases import find_phase
from search.records import BASELINE_TRIAL, Coordinator, Purpose, StudyRecord, Trial, TrialState
from search.records.wording import speed_in_words
from search.reporting.summaries import StudyState, summarize_status
from search.selection import best_trial
from search.storage import Storage

_MOST_TIMES = 200
"""Trials by which the speed is told: the latest, for the first ones wait for programs to be compiled."""


@dataclass(frozen=True)
class Observed:
    """What a look saw.

    Args:
        state: As `regsearch status` tells it.
        holder: The coordinator; None without one, and nothing will change then.
        n_trials: The total that was asked for.
        n_ended: Trials that have their outcome.
        n_running: Trials that were asked and have none.
        n_failed: Trials that ended without a score.
        n_pruned: Trials that were cut short.
        best: The best complete trial.
        baseline: Trial 0 once it is complete.
        ended: The trials that ended since the look before, by number.
        n_workers: Workers that finished a run, in this session or an earlier one.
        n_confirming: Runs of the confirmation.
        seconds_a_trial: By the latest trials of this session; None before the second.
        phase: What is done when the search is over, in words; empty before that, and where it is not known.
    """

    state: StudyState
    holder: Coordinator | None
    n_trials: int
    n_ended: int
    n_running: int
    n_failed: int
    n_pruned: int
    best: Trial | None
    baseline: Trial | None
    ended: Sequence[Trial]
    n_workers: int
    n_confirming: int
    seconds_a_trial: float | None
    phase: str = ""

    @property
    def is_over(self) -> bool:
        """Whether nobody runs the study any more."""
        return self.holder is None

    def time_in_words(self) -> str:
        """Trials a second and the time left; empty where nothing tells it."""
        left = self.n_trials - self.n_ended
        return speed_in_words(self.seconds_a_trial, left) if self.seconds_a_trial and left > 0 else ""

    def losses_in_words(self) -> str:
        """Trials that ended without a score; empty where there are none."""
        counts = ((self.n_pruned, "pruned"), (self.n_failed, "failed"))
        return ", ".join(f"{count} {what}" for count, what in counts if count)


class Watch:
    """One study, looked at from outside: it only reads, in short transactions.

    Args:
        storage: An open database.
        name: Of the study.
    Raises:
        UnknownStudyError: There is no such study.
    """

    def __init__(self, storage: Storage, name: str) -> None:
        self.study: StudyRecord = storage.study(name)
        self._storage = storage
        self._first = 0  # every trial before it has ended, and was seen
        self._seen: set[int] = set()
        self._counts = dict.fromkeys(TrialState, 0)
        self._best: Trial | None = None
        self._baseline: Trial | None = None
        self._times: deque[dt.datetime] = deque(maxlen=_MOST_TIMES)
        self._workers: set[str] = set()
        self._n_confirming = 0
        self._last_run = 0

    def look(self) -> Observed:
        """See what is new.

        Raises:
            TransientStorageError: The database cannot be reached now; the next look sees all the same.
            PermanentStorageError: It cannot be read, or the study was deleted.
        """
        storage, study = self._storage, self.study
        holder = storage.holder(study.name)
        budget = storage.budget(study.study_id)
        trials = storage.trials(study.study_id, parameters=False, first=self._first)
        tally = storage.new_runs(study.study_id, self._last_run)
        # Only what was read in full is taken: a look that failed half way would count some of it twice.
        ended = self._take(trials)
        self._workers |= set(tally.workers)
        self._n_confirming += tally.purposes.get(Purpose.CONFIRMATION, 0)
        self._last_run = tally.last
        state: StudyState = "draining" if budget.stop_requested else "running"
        if holder is None:
            status = summarize_status(storage, study.name)
            state, holder = status.state, status.holder
        n_ended = sum(count for each, count in self._counts.items() if each.is_final)
        return Observed(
            state=state,
            holder=holder,
            n_trials=budget.n_trials,
            n_ended=n_ended,
            n_running=sum(trial.state is TrialState.RUNNING for trial in trials),
            n_failed=self._counts[TrialState.FAIL],
            n_pruned=self._counts[TrialState.PRUNED],
            best=self._best,
            baseline=self._baseline,
            ended=ended,
            n_workers=len(self._workers),
            n_confirming=self._n_confirming,
            seconds_a_trial=self._seconds_a_trial(holder),
            phase=self._phase(holder) if holder is not None and n_ended >= budget.n_trials else "",
        )

    def _take(self, trials: Sequence[Trial]) -> list[Trial]:
        """Count what ended since the look before."""
        ended = [trial for trial in trials if trial.state.is_final and trial.number not in self._seen]
        for trial in ended:
            self._counts[trial.state] += 1
            if trial.number == BASELINE_TRIAL and trial.score is not None:
                self._baseline = trial
            if trial.completed is not None:
                self._times.append(trial.completed)
        self._best = best_trial((*ended, *([] if self._best is None else [self._best])), self.study.direction)
        is_open = [trial.number for trial in trials if not trial.state.is_final]
        past = max((trial.number for trial in trials), default=self._first - 1) + 1
        self._first = min(is_open, default=past)
        self._seen = {number for trial in trials if (number := trial.number) > self._first and trial.state.is_final}
        return ended

    def _phase(self, holder: Coordinator) -> str:
        return find_phase(self._storage, self.study.study_id, holder, self._n_confirming)

    def _seconds_a_trial(self, holder: Coordinator | None) -> float | None:
        """Of this session: between its first and its latest trial among those that are kept."""
        if holder is None:
            return None
        times = sorted(time for time in self._times if time >= holder.since)
        if len(times) < 2:
            return None
        return (times[-1] - times[0]).total_seconds() / (len(times) - 1)
