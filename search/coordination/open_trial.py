"""A trial that is being trained: which of its runs are out, what is known of them, and when it is over."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from search.coordination.trial_buffer import shown_epochs
from search.records import Curve, FailureCause, Run, RunReport, RunResult, TrialOutcome, TrialState
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
    """

    def __init__(self, runs: Sequence[Run], judge: Judge | None) -> None:
        self.runs = tuple(runs)
        self.judge = judge
        self.pruned_epoch: int | None = None
        self._pruned_run: int | None = None
        self._results: dict[int, RunResult] = {}
        self._metrics: dict[int, Metric] = {}
        self._index = {(run.fold, run.repeat): index for index, run in enumerate(self.runs)}

    @property
    def next_runs(self) -> tuple[Run, ...]:
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
        if result.cause is FailureCause.WITHDRAWN and self.pruned_epoch is not None:
            result = self._completed(result, index, self.pruned_epoch)
        self._judge(index, result.curve.validation_metric, result.score)
        if self.judge is not None and self.pruned_epoch is not None and not self.judge.keeps_last_run:
            result = _cut(result, self.pruned_epoch)
        self._results[index] = result

    def _completed(self, result: RunResult, index: int, epoch: int) -> RunResult:
        """The result of a run that was given up; where its worker did not come back, or another one had begun anew and
        came less far, with the metric that was reported.
        """
        if result.curve.n_epochs >= epoch:
            return result
        metric = self._metrics.get(index, _EMPTY)[:epoch]
        unknown = np.full(len(metric), np.nan, np.float32)
        return replace(result, curve=Curve(unknown, unknown, metric))

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
    def outcome(self) -> TrialOutcome:
        """How the trial ended: complete with the mean over its runs, or failed as its first failed run.

        A failure for a transient cause says nothing of the configuration: it counts only if no run failed otherwise.
        """
        if self.pruned_epoch is not None:
            return TrialOutcome(TrialState.PRUNED)
        failed = [result for result in self.results if result.error is not None]
        if not failed:
            scores = [result.score or 0.0 for result in self.results]
            return TrialOutcome(TrialState.COMPLETE, score=math.fsum(scores) / len(scores))
        first = min(failed, key=lambda result: result.cause is not None and result.cause.is_transient)
        error = f"{first.error} (fold {first.run.fold}, seed {first.run.repeat})"
        return TrialOutcome(TrialState.FAIL, error=error, cause=first.cause)

    @property
    def progress(self) -> dict[int, float]:
        """Mean metric of the runs that have told of it so far, at 50 epochs at most."""
        if self.judge is not None:
            return dict(self.judge.intermediate)
        ended = {index: result.curve.validation_metric for index, result in self._results.items()}
        told = {**self._metrics, **ended}.values()
        # A function of the user's tells nothing on its way.
        metrics = [metric for metric in told if not len(metric) or not np.isnan(metric).all()]
        epochs = shown_epochs(min((len(metric) for metric in metrics), default=0))
        return {epoch: math.fsum(float(metric[epoch - 1]) for metric in metrics) / len(metrics) for epoch in epochs}


def _cut(result: RunResult, epoch: int) -> RunResult:
    """A run as it was when it was given up, however much further its worker came."""
    return replace(
        result,
        score=None,
        error=f"pruned at epoch {epoch}",
        cause=FailureCause.WITHDRAWN,
        penalty=0.0,
        epochs_trained=epoch,
        best_epoch=0,
        curve=result.curve.until(epoch),
        weight_norms={},
        zero_shares={},
        zero_weights={},
        predictions=None,
    )
