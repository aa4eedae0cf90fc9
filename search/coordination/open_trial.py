"""A trial that is being trained: which of its runs are out, what is known of them, and when it is over."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from search.coordination.trial_buffer import shown_epochs
from search.records import Curve, EngineChoice, Run, RunReport, RunResult
from search.tuning.pruners import Judge

Metric = npt.NDArray[np.float32]

_EMPTY: Metric = np.zeros(0, np.float32)


class OpenTrial:
    """A trial between its ask and its end.

    With a judge its runs are trained one after the other, so that it can be given up between and within them; without
    one they are trained side by side.

    Args:
        runs: All runs of the trial, in order.
        judge: Says where the trial is given up; None when nothing is pruned.
        keeps_whole_runs: Whether the judge gives trials up between runs only.
    """

    def __init__(self, runs: Sequence[Run], judge: Judge | None, *, keeps_whole_runs: bool) -> None:
        self.runs = tuple(runs)
        self.judge = judge
        self.pruned_epoch: int | None = None
        self._pruned_run: int | None = None
        self._keeps_whole_runs = keeps_whole_runs
        self._results: dict[int, RunResult] = {}
        self._metrics: dict[int, Metric] = {}
        self._index = {(run.fold, run.repeat): index for index, run in enumerate(self.runs)}

    def assign(self, engine: EngineChoice) -> None:
        """Set the engine that trains all runs."""
        self.runs = tuple(replace(run, engine=engine) for run in self.runs)

    @property
    def to_submit(self) -> tuple[Run, ...]:
        """The runs to be submitted now, before any has come back or after each one has: all, or the next one."""
        if self.judge is None:
            return self.runs
        n_done = len(self._results)
        return self.runs[n_done : n_done + 1]

    def report(self, report: RunReport) -> bool:
        """Take what a run tells on its way; whether the trial is given up just now."""
        index = self._index[report.run.fold, report.run.repeat]
        known = self._metrics.get(index, _EMPTY)
        metric = np.concatenate([known[: report.first_epoch - 1], np.array(report.validation_metric, np.float32)])
        if len(metric) <= len(known) or len(metric) != report.epoch:
            return False  # a worker died, and the run began anew
        self._metrics[index] = metric
        return self._judge(index, metric, None)

    def add(self, result: RunResult) -> None:
        """Take the result of a run."""
        index = self._index[result.run.fold, result.run.repeat]
        self._judge(index, result.curve.validation_metric, result.score)
        if self.pruned_epoch is not None and not self._keeps_whole_runs:
            result = _cut(result, self.pruned_epoch)
        self._results[index] = result

    def unheard(self, run: Run) -> RunResult:
        """What is known of a run that was given up and whose worker did not come back: the metric that it told of."""
        epoch = self.pruned_epoch or 0
        metric = self._metrics.get(self._index[run.fold, run.repeat], _EMPTY)[:epoch]
        unknown = np.full(len(metric), np.nan, np.float32)
        return RunResult(run, score=None, error="withdrawn", curve=Curve(unknown, unknown, metric))

    def _judge(self, index: int, metric: Metric, score: float | None) -> bool:
        if self.judge is None or self.pruned_epoch is not None:
            return False
        self.pruned_epoch = self.judge.observe(index, metric, score)
        self._pruned_run = None if self.pruned_epoch is None else index
        return self.pruned_epoch is not None

    @property
    def is_over(self) -> bool:
        """Whether nothing is left to be trained."""
        if len(self._results) == len(self.runs) or self._pruned_run in self._results:
            return True
        return self.judge is not None and any(result.error for result in self._results.values())

    @property
    def results(self) -> list[RunResult]:
        """What came back, in the order of the runs."""
        return [self._results[index] for index in sorted(self._results)]

    @property
    def error(self) -> str | None:
        """Why the trial failed, by its first failed run; None when it did not."""
        if self.pruned_epoch is not None:
            return None
        failed = next((result for result in self.results if result.error is not None), None)
        return None if failed is None else f"{failed.error} (fold {failed.run.fold}, seed {failed.run.repeat})"

    @property
    def score(self) -> float | None:
        """Mean over the runs; None when the trial failed or was given up."""
        if self.error is not None or self.pruned_epoch is not None:
            return None
        return math.fsum(result.score or 0.0 for result in self.results) / len(self.results)

    @property
    def progress(self) -> dict[int, float]:
        """Mean metric of the runs that have told of it so far, at 50 epochs at most."""
        if self.judge is not None:
            return dict(self.judge.intermediate)
        ended = {index: result.curve.validation_metric for index, result in self._results.items()}
        metrics = list({**self._metrics, **ended}.values())
        epochs = shown_epochs(min((len(metric) for metric in metrics), default=0))
        return {epoch: math.fsum(float(metric[epoch - 1]) for metric in metrics) / len(metrics) for epoch in epochs}


def _cut(result: RunResult, epoch: int) -> RunResult:
    """A run as it was when it was given up, however much further its worker came."""
    return replace(
        result,
        score=None,
        error=f"pruned at epoch {epoch}",
        penalty=0.0,
        epochs_trained=epoch,
        best_epoch=0,
        curve=result.curve.until(epoch),
        weight_norms={},
        zero_shares={},
    )
