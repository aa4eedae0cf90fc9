"""Summaries of a study, read from the storage without Optuna, so that they come at once."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from search.records import BASELINE_TRIAL, Coordinator, Direction, StudyRecord, Trial, TrialState
from search.selection import Choice, choose
from search.storage import Storage

StudyState = Literal["running", "draining", "interrupted", "finished", "stopped"]


@dataclass(frozen=True)
class Status:
    """How far a study is and who works on it.

    Args:
        study: The study.
        state: `running` and `draining` have a coordinator; without one a study is `interrupted` when trials were
            cut off, `finished` when its budget is spent, and `stopped` otherwise.
        holder: The coordinator, if one runs.
        counts: Trials by Optuna state.
        interrupted: Numbers of the trials that were cut off; the next `run` trains them again.
        best: The best complete trial.
        baseline: Trial 0, once complete.
        workers: Worker to the number of runs that it finished.
        last_completed: When a trial last ended, UTC.
    """

    study: StudyRecord
    state: StudyState
    holder: Coordinator | None
    counts: dict[str, int]
    interrupted: tuple[int, ...]
    best: Trial | None
    baseline: Trial | None
    workers: dict[str, int]
    last_completed: dt.datetime | None

    @property
    def n_ended(self) -> int:
        """Trials that have their outcome."""
        return sum(count for state, count in self.counts.items() if TrialState[state].is_final)

    def to_json(self) -> dict[str, Any]:
        """The status as JSON-ready values."""
        holder = self.holder
        return {
            "study": self.study.name,
            "state": self.state,
            "coordinator": None
            if holder is None
            else {"host": holder.host, "pid": holder.pid, "since": _utc(holder.since)},
            "n_trials": self.study.n_trials,
            "ended": self.n_ended,
            "trials": self.counts,
            "interrupted": list(self.interrupted),
            "metric": self.study.metric,
            "direction": self.study.direction,
            "baseline": trial_json(self.baseline),
            "best": trial_json(self.best),
            "workers": self.workers,
            "last_completed": _utc(self.last_completed),
        }


def summarize_status(storage: Storage, name: str) -> Status:
    """The status of one study.

    Raises:
        UnknownStudyError: There is no such study.
    """
    return _status(storage, storage.study(name))


def list_studies(storage: Storage) -> list[Status]:
    """The status of every study of the storage that regsearch began, oldest first."""
    return [_status(storage, study) for study in storage.studies()]


def _status(storage: Storage, study: StudyRecord) -> Status:
    trials = storage.trials(study.study_id)
    holder = storage.holder(study.name)
    counts = Counter(trial.state.value for trial in trials)
    choice = choose(trials, study.direction)
    open_trials = tuple(trial.number for trial in trials if trial.state is TrialState.RUNNING)
    ended = sum(trial.state.is_final for trial in trials)
    return Status(
        study=study,
        state=_state(holder is not None, study.stop_requested, len(open_trials), ended >= study.n_trials),
        holder=holder,
        counts=dict(counts),
        interrupted=open_trials if holder is None else (),
        best=choice.best,
        baseline=choice.baseline,
        workers=storage.workers(study.study_id),
        last_completed=max((t.completed for t in trials if t.completed is not None), default=None),
    )


def _state(held: bool, stop_requested: bool, n_open: int, finished: bool) -> StudyState:
    if held:
        return "draining" if stop_requested else "running"
    if n_open:
        return "interrupted"
    return "finished" if finished else "stopped"


@dataclass(frozen=True)
class Best:
    """The chosen configuration against the baseline."""

    study: StudyRecord
    n_trials: int
    choice: Choice

    def to_json(self) -> dict[str, Any]:
        """The contract of `regsearch best --format json`."""
        return {
            "study": self.study.name,
            "metric": self.study.metric,
            "direction": self.study.direction,
            "n_trials": self.n_trials,
            "baseline": trial_json(self.choice.baseline),
            "best": trial_json(self.choice.best),
        }


def summarize_best(storage: Storage, name: str) -> Best:
    """The best configuration of one study against its baseline.

    Raises:
        UnknownStudyError: There is no such study.
    """
    study = storage.study(name)
    trials = storage.trials(study.study_id)
    ended = [trial for trial in trials if trial.state.is_final]
    return Best(study, len(ended), choose(ended, study.direction))


def list_trials(storage: Storage, name: str) -> tuple[StudyRecord, list[Trial]]:
    """A study and its trials by number.

    Raises:
        UnknownStudyError: There is no such study.
    """
    study = storage.study(name)
    return study, storage.trials(study.study_id)


def compare_studies(storage: Storage, names: Sequence[str]) -> list[Best]:
    """The best configuration of several studies, in the order asked for.

    Raises:
        UnknownStudyError: One of them does not exist.
    """
    return [summarize_best(storage, name) for name in names]


def trial_json(trial: Trial | None) -> dict[str, Any] | None:
    """A trial as JSON-ready values."""
    if trial is None:
        return None
    return {"trial": trial.number, "score": trial.score, "configuration": dict(trial.configuration)}


def trial_row_json(trial: Trial) -> dict[str, Any]:
    """A trial with its state, as one row of `regsearch trials --format json`."""
    return {
        "trial": trial.number,
        "state": trial.state.value,
        "baseline": trial.number == BASELINE_TRIAL,
        "score": trial.score,
        "configuration": dict(trial.configuration),
        "error": trial.error,
        "started": _utc(trial.started),
        "completed": _utc(trial.completed),
    }


def better(direction: Direction) -> str:
    """The word for a better score."""
    return "lower" if direction == "minimize" else "higher"


def _utc(moment: dt.datetime | None) -> str | None:
    return None if moment is None else moment.isoformat(timespec="seconds") + "Z"
