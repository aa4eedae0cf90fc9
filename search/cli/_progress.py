"""The live display of `regsearch run`: bars on a terminal, plain lines elsewhere, both on stderr."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from search.cli._render import count_of, print_lines, printable
from search.cli._view import Sight, View, can_redraw, draw_line, live
from search.records.wording import describe_configuration, show_value

if TYPE_CHECKING:
    from search.coordination.progress import Comparing, Confirming, Progress
    from search.preparation.study import PreparedStudy
    from search.records import RunReport, RunResult, Trial

_SECONDS_BETWEEN_LINES = 1.0
_SECONDS_OF_SILENCE = 10.0  # after which a run that is still going is worth a line
_RUNNING = "running"
_POINTS_OF_A_RUN = 16


class Display(Protocol):
    """An observer that can be put away before the summary is printed."""

    def note(self, message: str) -> None:
        """One line that the user should see."""

    def started(self, progress: Progress, workers: int) -> None:
        """Workers stand ready."""

    def run_reported(self, report: RunReport) -> None:
        """A long run tells how it goes."""

    def run_ended(self, result: RunResult) -> None:
        """A run came back."""

    def trial_ended(self, trial: Trial, progress: Progress) -> None:
        """A trial ended."""

    def began(self, what: str) -> None:
        """Something else begins."""

    def confirming(self, progress: Confirming) -> None:
        """The finalists are scored once more."""

    def comparing(self, progress: Comparing) -> None:
        """Configurations that are no trials are scored."""

    def close(self) -> None:
        """Put the display away."""


@contextlib.contextmanager
def watch(prepared: PreparedStudy, *, quiet: bool, notes: bool = True) -> Iterator[Display]:
    """The display that suits where stderr goes.

    Args:
        prepared: The study.
        quiet: Show nothing.
        notes: Whether the study's notes are told.
    """
    display: Display
    if quiet:
        display = _Quiet()
    elif can_redraw(err=True):
        display = _Live(prepared)
    else:
        display = _Lines(prepared)
    for note in prepared.notes if notes else ():
        display.note(f"note: {note}")
    try:
        yield display
    finally:
        display.close()


def report_words(report: RunReport, prepared: PreparedStudy) -> str:
    """How far a long run is."""
    epochs = prepared.spec.configured(report.run.configuration).training.all_epochs
    shown = f"trial {report.run.trial}, fold {report.run.fold}: epoch {report.epoch} of {epochs}"
    metric = report.validation_metric[-1]
    return shown if math.isnan(metric) else f"{shown}, {prepared.metric} {show_value(metric)}"


class _Quiet:
    """Shows nothing."""

    def note(self, message: str) -> None:
        pass

    def started(self, progress: Progress, workers: int) -> None:
        pass

    def run_reported(self, report: RunReport) -> None:
        pass

    def run_ended(self, result: RunResult) -> None:
        pass

    def trial_ended(self, trial: Trial, progress: Progress) -> None:
        pass

    def began(self, what: str) -> None:
        pass

    def confirming(self, progress: Confirming) -> None:
        pass

    def comparing(self, progress: Comparing) -> None:
        pass

    def close(self) -> None:
        pass


class _Lines(_Quiet):
    """A line a trial, at most one a second; new best scores and the last trial always. A long run tells where it is."""

    def __init__(self, prepared: PreparedStudy) -> None:
        self._prepared = prepared
        self._last_line = time.monotonic()

    def note(self, message: str) -> None:
        print_lines(message, err=True)

    def started(self, progress: Progress, workers: int) -> None:
        print_lines(_opening(self._prepared, progress, workers), err=True)

    def run_reported(self, report: RunReport) -> None:
        now = time.monotonic()
        if now - self._last_line >= _SECONDS_OF_SILENCE:
            self._last_line = now
            print_lines(report_words(report, self._prepared), err=True)

    def trial_ended(self, trial: Trial, progress: Progress) -> None:
        now = time.monotonic()
        newest = progress.best is not None and progress.best.number == trial.number
        if not newest and progress.done < progress.total and now - self._last_line < _SECONDS_BETWEEN_LINES:
            return
        self._last_line = now
        outcome = trial.error or f"{self._prepared.metric} {show_value(trial.score)}"
        shown = describe_configuration(trial.configuration, self._prepared.facts)
        print_lines(
            f"[{progress.done}/{progress.total}] trial {trial.number}: {outcome}, {shown}; "
            f"{progress.scores_in_words()}; {progress.time_in_words()}",
            err=True,
        )

    def confirming(self, progress: Confirming) -> None:
        self._tell_step(progress)

    def comparing(self, progress: Comparing) -> None:
        self._tell_step(progress)

    def _tell_step(self, progress: Confirming | Comparing) -> None:
        now = time.monotonic()
        if progress.done < progress.total and now - self._last_line < _SECONDS_OF_SILENCE:
            return
        self._last_line = now
        print_lines(progress.in_words(), err=True)


class _Live(_Quiet):
    """A bar that counts trials with the time left; below it the best configuration and the way to it."""

    def __init__(self, prepared: PreparedStudy) -> None:
        self._prepared = prepared
        self._runs = 0
        self._running: dict[tuple[int, int, int], list[float]] = {}
        """What the runs that are going told, report by report."""
        self._view = View(
            prepared.metric,
            prepared.direction,
            prepared.facts,
            Sight(0, 0, phase="starting workers"),
        )
        self._live = live(self._view, err=True)
        self._live.start()

    def note(self, message: str) -> None:
        self._live.say(printable(message))

    def started(self, progress: Progress, workers: int) -> None:
        self.note(_opening(self._prepared, progress, workers))
        self._view.way.add(None if progress.best is None else progress.best.score)
        self._show(progress, phase="first runs (Keras is being loaded)")

    def run_reported(self, report: RunReport) -> None:
        run = report.run
        values = self._running.setdefault((run.trial, run.fold, run.repeat), [])
        values += [value for value in report.validation_metric[-1:] if math.isfinite(value)]
        line = draw_line(values, _POINTS_OF_A_RUN, ascii_only=self._live.console.options.ascii_only)
        self._show_running(report_words(report, self._prepared) + (f" {line}" if len(values) > 1 else ""))

    def run_ended(self, result: RunResult) -> None:
        self._running.pop((result.run.trial, result.run.fold, result.run.repeat), None)
        self._show_running("")
        self._runs += 1
        if self._runs < self._prepared.runs_per_trial:
            phase = f"{self._runs} of the first {self._prepared.runs_per_trial} runs"
            self._view.sight = replace(self._view.sight, phase=phase)

    def trial_ended(self, trial: Trial, progress: Progress) -> None:
        self._view.way.add(trial.score)
        self._show(progress)

    def began(self, what: str) -> None:
        self._view.sight = replace(self._view.sight, done=0, total=0, time="", phase=what, more=())

    def confirming(self, progress: Confirming) -> None:
        self._show_step(progress)

    def comparing(self, progress: Comparing) -> None:
        self._show_step(progress)

    def close(self) -> None:
        self._live.stop()

    def _show(self, progress: Progress, phase: str = "") -> None:
        self._view.sight = Sight(
            progress.done,
            progress.total,
            progress.time_in_words(),
            phase,
            progress.best,
            progress.baseline,
            [(None, lost)] if (lost := progress.losses_in_words()) else [],
        )

    def _show_running(self, words: str) -> None:
        lines = [line for line in self._view.sight.more if line[0] != _RUNNING]
        self._view.sight = replace(self._view.sight, more=[*lines, (_RUNNING, words)] if words else lines)

    def _show_step(self, progress: Confirming | Comparing) -> None:
        self._view.sight = replace(
            self._view.sight, done=progress.done, total=progress.total, time="", phase=progress.in_words(), more=()
        )

    def _render(self) -> View:
        return self._view


def _opening(prepared: PreparedStudy, progress: Progress, workers: int) -> str:
    spec = prepared.spec
    rows = ", ".join(f"{count} {use}" for use, count in prepared.n_rows.items() if count)
    earlier = f", {progress.done} of them ended earlier" if progress.done else ""
    runs = count_of(prepared.runs_per_trial, "run")
    workers_words = count_of(workers, "worker")
    return (
        f"{spec.study.name}: {count_of(progress.total, 'trial')}{earlier}, {runs} each, on {workers_words}; "
        f"{prepared.metric} ({prepared.direction}); rows: {rows}"
    )
