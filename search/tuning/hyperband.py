"""Hyperband, at a cost that does not grow with the number of trials.

Its decisions are those of `optuna.pruners.HyperbandPruner` (5.0), to which studies were begun that go on: brackets of
asynchronous successive halving, to which trials are dealt by their numbers. Optuna looks through all trials whenever
one comes to a rung, 45 ms a trial of 10,000; here the values of a rung are kept in order.

Source: Li et al. 2018, "Hyperband"; Li et al. 2020, "A system for massively parallel hyperparameter tuning" (ASHA).
"""

from __future__ import annotations

import binascii
import math
from bisect import bisect_left, insort
from collections import defaultdict

from optuna.pruners import BasePruner
from optuna.study import Study, StudyDirection
from optuna.trial import FrozenTrial


class Hyperband(BasePruner):
    """Gives a trial up where it is not among the best of those that came to the same rung of its bracket.

    It serves one study, whose trials are told in the order of their numbers. A trial is compared with those that
    were told when it was asked, which are what the study shows.

    Args:
        min_resource: The step of the first rung of the first bracket, at least 1.
        max_resource: The step at which a trial has spent all, at least `min_resource`.
        reduction_factor: The best 1/`reduction_factor` of a rung go on; each rung is at as many times the step of
            the one before, and each bracket begins one rung later than the one before.
    """

    def __init__(self, min_resource: int, max_resource: int, reduction_factor: int) -> None:
        self._min_resource = min_resource
        self._factor = reduction_factor
        n_brackets = math.floor(math.log(max_resource / min_resource, reduction_factor)) + 1
        halvings = range(n_brackets - 1, -1, -1)
        self._shares = [math.ceil(n_brackets * reduction_factor**left / (left + 1)) for left in halvings]
        # The values of each trial at the rungs that it came to, low ones good; of told trials they are in order too.
        self._values: defaultdict[int, list[float]] = defaultdict(list)
        self._in_order: defaultdict[tuple[int, int], list[float]] = defaultdict(list)
        self._n_in_order = 0

    def prune(self, study: Study, trial: FrozenTrial) -> bool:
        """Whether a trial is given up at the step that it reported last."""
        step = trial.last_step
        if step is None:
            return False
        bracket, values = self._bracket_of(study.study_name, trial.number), self._values[trial.number]
        value = trial.intermediate_values[step] * (1.0 if study.direction is StudyDirection.MINIMIZE else -1.0)
        while step >= self._min_resource * self._factor ** (bracket + len(values)):
            rung = len(values)
            values.append(value)
            n_better, n_others = self._compare(study, bracket, rung, value)
            if n_better >= max(1, (n_others + 1) // self._factor):
                return True
        return False

    def _bracket_of(self, study_name: str, number: int) -> int:
        """The bracket of a trial: as many of all trials are in each as its share says."""
        left: int = binascii.crc32(f"{study_name}_{number}".encode()) % sum(self._shares)
        for bracket, share in enumerate(self._shares):
            left -= share
            if left < 0:
                return bracket
        raise AssertionError("a remainder is less than the sum")

    def _compare(self, study: Study, bracket: int, rung: int, value: float) -> tuple[int, int]:
        """How many of the trials that the study shows are better at a rung, and how many came to it."""
        n_shown = len(study.get_trials(deepcopy=False))
        for number in range(self._n_in_order, n_shown):
            for reached, known in enumerate(self._values[number]):
                insort(self._in_order[self._bracket_of(study.study_name, number), reached], known)
        self._n_in_order = max(self._n_in_order, n_shown)
        in_order = self._in_order[bracket, rung]
        # Trials that were told meanwhile are known to others that were asked later.
        not_shown = [
            self._values[number][rung]
            for number in range(n_shown, self._n_in_order)
            if len(self._values[number]) > rung and self._bracket_of(study.study_name, number) == bracket
        ]
        n_better = bisect_left(in_order, value) - sum(other < value for other in not_shown)
        return n_better, len(in_order) - len(not_shown)
