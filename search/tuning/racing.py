"""Racing: a trial that is clearly worse after a part of its runs is not given the others.

Two races, one after the other. The trial's first run is raced by epochs: at a third of them it is given up if it is
behind each of the best trials as they were then, so that configurations which start slowly are left alone as soon as
one of them turns out to be good. Its runs (folds, seeds) are then raced against the same runs of the best trial: the
mean difference over all runs is predicted from those that have ended, and the trial is given up where that prediction
is above 0 by `_Z` standard errors. How far differences scatter from run to run is taken from the trials that are
whole, so that one run can be enough. That a cross-validation is best cut short this way is the finding of Bergman,
Purucker and Hutter 2024, "Don't waste your time: early stopping cross-validation".

What is compared is what trials reported (`search.tuning.pruners`), and nothing is noted: who was given up follows from
the reports alone.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
from optuna.pruners import BasePruner
from optuna.study import Study, StudyDirection
from optuna.trial import FrozenTrial, TrialState

_LEAST_WHOLE = 6
"""Trials that must have run to their end before anybody is given up."""

_N_AHEAD = 5
"""The best whole trials, of which one at least must have been no better after as many epochs.

On every second table of LCBench, trials being added until as many epochs were trained as without a pruner, the choice
was worse by more than 1 % on 0 of 17 and better on 10; with a ninth of the epochs as well as a third on 3 and 7.
Successive halving, which lets the better half or third of all go on at both, was worse on 4 to 8, Hyperband on 9.
"""

_Z = 2.0
"""Standard errors by which a trial must be worse than the best one."""


class RacingPruner(BasePruner):
    """Gives trials up by what they and others reported.

    Args:
        rung: The step of the first run at which trials are compared by epochs; None where runs have too few.
        ends: Steps at which a run ends, of all runs that report: there the value is the mean over the runs so far.
        n_runs: How many runs have ended at each of `ends`.
    """

    def __init__(self, rung: int | None, ends: Sequence[int], n_runs: Sequence[int]) -> None:
        self._rung = rung
        self._ends = tuple(ends)
        self._n_runs = np.array(n_runs, dtype=np.float64)

    def prune(self, study: Study, trial: FrozenTrial) -> bool:
        """Whether a trial is given up at the step that it reported last."""
        step = trial.last_step
        if step is None or (step != self._rung and step not in self._ends[:-1]):
            return False
        whole = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        if len(whole) < _LEAST_WHOLE:
            return False
        sign = 1.0 if study.direction is StudyDirection.MINIMIZE else -1.0
        if step == self._rung:
            ahead = heapq.nsmallest(_N_AHEAD, whole, key=lambda each: sign * float(each.values[0]))
            # What was not finite there was not reported, and not ahead.
            then = [sign * each.intermediate_values.get(step, sign * math.inf) for each in ahead]
            return sign * trial.intermediate_values[step] > max(then)
        scores = [self._scores(each.intermediate_values) for each in whole]
        return self._is_beaten(
            sign * self._scores(trial.intermediate_values),
            sign * np.array([each for each in scores if len(each) == len(self._ends)]),
        )

    def _is_beaten(self, scores: npt.NDArray[np.float64], whole: npt.NDArray[np.float64]) -> bool:
        """Whether a trial is clearly worse than the best of those that are whole, on the runs that it has ended.

        Args:
            scores: What it scored, shape (ends so far,); low values are good. The mean, where several runs ended
                between two reports.
            whole: The same of trials that ran to their end, shape (trials, all ends).
        """
        n_ended = len(scores)
        if len(whole) < _LEAST_WHOLE or n_ended == 0:
            return False
        share = np.diff(self._n_runs, prepend=0.0)
        best = whole[np.argmin(whole @ share)]
        others = whole[np.any(whole != best, axis=1)]
        if not len(others):
            return False
        scatter = math.sqrt(float(np.median(np.var(others - best, axis=1, ddof=1))))
        worse_by = float(np.average(scores - best[:n_ended], weights=share[:n_ended]))
        # Of a mean over all the ends, n_ended are known: the variance of what is left over.
        return worse_by > _Z * scatter * math.sqrt(1 / n_ended - 1 / len(self._ends))

    def _scores(self, reported: Mapping[int, float]) -> npt.NDArray[np.float64]:
        """What a trial scored between one end and the next, as far as it reported without a gap."""
        means = list[float]()
        for step in self._ends:
            if step not in reported:
                break
            means.append(reported[step])
        n_runs = self._n_runs[: len(means)]
        return np.diff(np.array(means) * n_runs, prepend=0.0) / np.diff(n_runs, prepend=0.0)
