"""What the coordinator tells whoever watches a study run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from search.records import EngineChoice, RunReport, RunResult, Trial
from search.records.wording import show_value, speed_in_words


@dataclass(frozen=True)
class Progress:
    """How far a study is.

    Args:
        done: Trials that ended, in this and earlier sessions.
        total: Trials that will have been asked at the end.
        running: Trials asked and not ended.
        failed: Trials that ended without a score.
        pruned: Trials that were cut short.
        new: Trials that ended in this session.
        seconds: Wall time of this session since its workers stood ready.
        best: The best complete trial so far.
        baseline: Trial 0 once it is complete.
    """

    done: int
    total: int
    running: int
    failed: int
    pruned: int
    new: int
    seconds: float
    best: Trial | None
    baseline: Trial | None

    @property
    def trials_per_second(self) -> float:
        """Trials that ended a second in this session; 0 before the first."""
        return self.new / self.seconds if self.seconds > 0 else 0.0

    @property
    def seconds_left(self) -> float | None:
        """Expected wall time to the end; None before the first trial ended."""
        rate = self.trials_per_second
        return (self.total - self.done) / rate if rate > 0 else None

    def scores_in_words(self) -> str:
        """The baseline's and the best score so far."""
        parts = []
        if self.baseline is not None:
            parts.append(f"baseline {show_value(self.baseline.score)}")
        if self.best is not None:
            parts.append(f"best {show_value(self.best.score)} (trial {self.best.number})")
        if lost := self.losses_in_words():
            parts.append(lost)
        return ", ".join(parts) or "no score yet"

    def losses_in_words(self) -> str:
        """Trials that ended without a score; empty where there are none."""
        counts = ((self.pruned, "pruned"), (self.failed, "failed"))
        return ", ".join(f"{count} {what}" for count, what in counts if count)

    def time_in_words(self) -> str:
        """Trials a second and the time left; empty before the first trial ended."""
        if self.seconds_left is None:
            return ""
        return speed_in_words(1 / self.trials_per_second, self.total - self.done)


@dataclass(frozen=True)
class Confirming:
    """How far the confirmation is.

    Args:
        repeat: The repeat that is trained, from 1.
        finalists: Trials that are still in the race, without the baseline.
        done: Runs of this repeat that ended.
        total: Runs of this repeat.
    """

    repeat: int
    finalists: tuple[int, ...]
    done: int
    total: int

    def in_words(self) -> str:
        """Where it stands."""
        left = "1 finalist" if len(self.finalists) == 1 else f"{len(self.finalists)} finalists"
        return f"confirming {left} and the baseline, repeat {self.repeat}: {self.done} of {self.total} runs"


@dataclass(frozen=True)
class Comparing:
    """How far it is with configurations that are scored on the confirmation's divisions.

    Args:
        purpose: What it is for, in words: `the ablation`.
        repeat: The repeat that is trained, from 1.
        n_repeats: Repeats.
        done: Runs that ended.
        total: Runs that were to be trained.
    """

    purpose: str
    repeat: int
    n_repeats: int
    done: int
    total: int

    def in_words(self) -> str:
        """Where it stands."""
        return f"{self.purpose}, repeat {self.repeat} of {self.n_repeats}: {self.done} of {self.total} runs"


class Observer(Protocol):
    """Watches a study run; called from the coordinator's thread."""

    def note(self, message: str) -> None:
        """One line that the user should see."""

    def started(self, progress: Progress, workers: int) -> None:
        """Workers stand ready."""

    def run_reported(self, report: RunReport) -> None:
        """A long run tells how it goes."""

    def run_ended(self, result: RunResult) -> None:
        """A run came back."""

    def trial_ended(self, trial: Trial, progress: Progress) -> None:
        """A trial ended; within half a second it is in the database."""

    def began(self, what: str) -> None:
        """Something else begins, of which nothing is counted."""

    def confirming(self, progress: Confirming) -> None:
        """The finalists are scored once more: a repeat begins, or one of its runs ended."""

    def comparing(self, progress: Comparing) -> None:
        """Configurations that are no trials are scored: a repeat begins, or runs of it ended."""


class SilentObserver:
    """Watches and says nothing."""

    def note(self, message: str) -> None:
        """Say nothing."""

    def started(self, progress: Progress, workers: int) -> None:
        """Say nothing."""

    def run_reported(self, report: RunReport) -> None:
        """Say nothing."""

    def run_ended(self, result: RunResult) -> None:
        """Say nothing."""

    def trial_ended(self, trial: Trial, progress: Progress) -> None:
        """Say nothing."""

    def began(self, what: str) -> None:
        """Say nothing."""

    def confirming(self, progress: Confirming) -> None:
        """Say nothing."""

    def comparing(self, progress: Comparing) -> None:
        """Say nothing."""


def engine_notes(observer: Observer) -> Callable[[EngineChoice], None]:
    """Has the observer note the first engine that is chosen, and each time that none but `fit` can train."""
    told: set[str] = set()

    def note(choice: EngineChoice) -> None:
        if choice.name == "fit" or not told:
            observer.note(f"engine {choice.name}: {choice.reason}")
        told.add(choice.name)

    return note
