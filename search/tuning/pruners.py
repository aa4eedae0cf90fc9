"""Optuna's pruners and our own, and what a trial reports to them.

A decision depends on curves and on the trials that were told before the trial was asked (`History.report`), on
nothing else: with any number of workers, and after a crash, the same trials are cut short at the same epochs.

What is compared, and where. A trial's runs (fold by fold, seed by seed) are trained one after the other. Under
`median` and `hyperband` each run reports on the same grid of epochs; the step is the number of epochs since the
trial's first run began, counting the earlier runs in full, and the value is the mean of the earlier runs' scores and
the metric of the current run at that epoch; a run that its patience has ended reports its score from there on. Equal
steps of two trials are thus the same folds, seeds and epoch. Under
`wilcoxon` the step is the index of the run and the value its score. Under `racing` steps and values are those of
`median`, but the first run alone reports on its way, once, and each run at its end.

A trial reports at most 50 times, as the database keeps no more. With more than 50 runs a trial, 50 of them report.
"""

from __future__ import annotations

import functools
import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import optuna
from optuna.pruners import BasePruner

from search.storage import MAX_INTERMEDIATE_VALUES
from search.tuning.history import History
from search.tuning.hyperband import Hyperband
from search.tuning.racing import RacingPruner

_N_STARTUP_TRIALS = 5
_REDUCTION_FACTOR = 3
_N_HALVINGS = 3
_RUNG_DIVISOR = 3
"""Of the epochs of the first run: where `racing` compares trials on their way."""


@dataclass(frozen=True)
class PruningRule:
    """How a study cuts trials short, and where its trials report.

    Args:
        pruner: As in [study] `pruner`.
        n_runs: Runs of a trial, at least 1.
        n_epochs: The most epochs that any run of the study may have, at least 1.
    """

    pruner: str
    n_runs: int
    n_epochs: int

    @functools.cached_property
    def epochs(self) -> tuple[int, ...]:
        """The epochs, from 1, after which a run reports; the last one is among them. None under `wilcoxon`."""
        if self.pruner == "wilcoxon":
            return ()
        return _spread(self.n_epochs, max(1, MAX_INTERMEDIATE_VALUES // self.n_runs))

    def epochs_of(self, run_index: int) -> tuple[int, ...]:
        """The epochs, from 1, after which one of the runs reports."""
        if self.pruner != "racing":
            return self.epochs
        return (*(() if run_index or self.rung is None else (self.rung,)), self.n_epochs)

    def compares_scores_at(self, epoch: int) -> bool:
        """Whether what is compared there is the score of a run that ended, which may be that of an earlier epoch."""
        return self.pruner == "racing" and epoch == self.n_epochs

    @property
    def rung(self) -> int | None:
        """The epoch of the first run at which `racing` compares trials; None where runs have too few."""
        return self.n_epochs // _RUNG_DIVISOR or None

    @functools.cached_property
    def runs(self) -> frozenset[int]:
        """Indices, from 0, of the runs that report; the last one is among them."""
        most = MAX_INTERMEDIATE_VALUES - (self.pruner == "racing")
        return frozenset(count - 1 for count in _spread(self.n_runs, most))

    def step(self, run_index: int, epoch: int) -> int:
        """Where in the trial `epoch` of a run is."""
        return run_index if self.pruner == "wilcoxon" else run_index * self.n_epochs + epoch

    @property
    def last_step(self) -> int:
        """The step at which a trial that runs to its end has spent all."""
        return self.step(self.n_runs - 1, self.n_epochs)


def _spread(total: int, most: int) -> tuple[int, ...]:
    """At most `most` of the numbers 1 ... total, evenly spread, the last one among them."""
    count = min(total, most)
    return tuple(-(-k * total // count) for k in range(1, count + 1))


def make_pruner(rule: PruningRule) -> BasePruner | None:
    """Optuna's pruner for a study; None when the study prunes nothing."""
    makers: dict[str, Callable[[PruningRule], BasePruner | None]] = {
        "none": lambda _: None,
        "median": _median,
        "hyperband": _hyperband,
        "wilcoxon": _wilcoxon,
        "racing": _racing,
    }
    with warnings.catch_warnings():
        # Optuna calls WilcoxonPruner experimental; which one judges is the user's decision.
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        return makers[rule.pruner](rule)


def _median(rule: PruningRule) -> BasePruner:
    """Gives up a trial whose best value so far is worse than the median of the others at this step.

    A median of fewer than five is noise: both of the study's first trials, and late in a trial, where few have come
    without being stopped by their patience. In the first tenth of the first run all curves look alike.
    """
    return optuna.pruners.MedianPruner(
        n_startup_trials=_N_STARTUP_TRIALS,
        n_warmup_steps=rule.n_epochs // 10 + 1,
        n_min_trials=_N_STARTUP_TRIALS,
    )


def _hyperband(rule: PruningRule) -> BasePruner:
    """Promotes the best third at each rung; the first rung is at 1/27, 1/9, 1/3 or all of the trial, by bracket.

    The resources are fixed by the study file: Optuna would else take them from the first trial that completes, which
    patience may have ended early. The next rung below, 1/81, would come before the first of 50 reports.
    """
    return Hyperband(
        min_resource=max(1, rule.last_step // _REDUCTION_FACTOR**_N_HALVINGS),
        max_resource=rule.last_step,
        reduction_factor=_REDUCTION_FACTOR,
    )


def _wilcoxon(_: PruningRule) -> BasePruner:
    """Gives up a trial whose runs are worse than the same runs of the best trial: signed-rank test, p < 0.1.

    Optuna's own default. The least p that n runs can give is 1/2**n, so that four runs are judged at the earliest; to
    compute it for fewer takes SciPy 5 ms each time.
    """
    return optuna.pruners.WilcoxonPruner(p_threshold=0.1, n_startup_steps=4)


def _racing(rule: PruningRule) -> BasePruner:
    """Gives up a trial that is clearly worse after some epochs of its first run, or after some of its runs."""
    ends = sorted(rule.runs)
    return RacingPruner(rule.rung, [rule.step(index, rule.n_epochs) for index in ends], [index + 1 for index in ends])


class Judge:
    """Reports what is known of a trial's runs, and says where the trial is given up.

    The decision depends on the curves alone, not on the pieces in which they come: whoever learns it late drops what
    was trained beyond that epoch.

    Args:
        history: Where the trial was asked.
        number: The trial.
        rule: The study's rule.
    """

    def __init__(self, history: History, number: int, rule: PruningRule) -> None:
        self.intermediate: dict[int, float] = {}
        """Step to value of all reports so far, for the storage."""
        self.keeps_last_run = False
        """Whether the trial was given up for what runs scored that had ended, so that the last one is whole."""
        self._history = history
        self._number = number
        self._rule = rule
        self._scores: list[float] = []
        self._n_epochs_seen = 0
        self._pruned_at: int | None = None

    def observe(self, run_index: int, metric: npt.NDArray[np.float32], score: float | None = None) -> int | None:
        """Judge what is known of a run.

        A run that failed is observed without a score: it may have been given up before the epoch at which it failed.
        Values that are not finite are not reported.

        Args:
            run_index: The run, from 0; runs are observed one after the other.
            metric: The run's validation metric from epoch 1 on, shape (epochs so far,); it grows from call to call,
                and a call that knows less than an earlier one (a run begun anew) adds nothing.
            score: The run's score when the run has ended with one.

        Returns:
            The epoch of this run after which the trial is given up, from 1; None when it goes on. A trial is not given
            up at its last step, where nothing is left to be saved.

        Raises:
            ValueError: A run before this one has not ended.
        """
        if run_index != len(self._scores):
            raise ValueError(f"trial {self._number}: expected run {len(self._scores)}, received run {run_index}")
        if self._pruned_at is None and run_index in self._rule.runs:
            self._pruned_at = self._judge(run_index, metric, score)
        self._n_epochs_seen = max(self._n_epochs_seen, len(metric))
        if score is not None and self._pruned_at is None:
            self._scores.append(score)
            self._n_epochs_seen = 0
        return self._pruned_at

    def _judge(self, run_index: int, metric: npt.NDArray[np.float32], score: float | None) -> int | None:
        for epoch in self._rule.epochs_of(run_index):
            value = self._value_at(epoch, metric, score)
            if value is None:
                continue
            values = [*self._scores, value]
            hopeless = self._report(self._rule.step(run_index, epoch), math.fsum(values) / len(values))
            # The last run's end is the trial's: behind it nothing is left to be saved.
            if hopeless and (epoch <= len(metric) or run_index < self._rule.n_runs - 1):
                self.keeps_last_run = self._rule.compares_scores_at(epoch)
                return min(epoch, len(metric))
        if self._rule.pruner == "wilcoxon" and score is not None and self._report(run_index, score):
            self.keeps_last_run = True
            return len(metric)
        return None

    def _value_at(self, epoch: int, metric: npt.NDArray[np.float32], score: float | None) -> float | None:
        """What the run reports for an epoch; None where it has reported, or that is not known yet."""
        if self._rule.compares_scores_at(epoch):
            return score
        if epoch <= self._n_epochs_seen:
            return None
        return float(metric[epoch - 1]) if epoch <= len(metric) else score

    def _report(self, step: int, value: float) -> bool:
        if not math.isfinite(value):
            return False
        self.intermediate[step] = value
        return self._history.report(self._number, step, value) and step < self._rule.last_step
