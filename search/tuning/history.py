"""What the sampler and the pruner know: an Optuna study in memory, asked and told in the order of trial numbers.

The database is written by `search.storage`; Optuna itself never reads it back, so an ask costs what the sampler
costs. After a crash the history is rebuilt from the trials in the database by the same steps in the same order.

Samplers are Optuna's own, and some pruners. What they see of the study is limited: a pruner sees the trials that were
told before its trial was asked, so that its decisions do not depend on the speed of the workers; TPE sees the best and
the latest trials (`samplers.N_MODELLED_TRIALS` says why).
"""

from __future__ import annotations

import bisect
from collections.abc import Container, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import optuna
from optuna.pruners import BasePruner, NopPruner
from optuna.storages import InMemoryStorage
from optuna.trial import FrozenTrial
from optuna.trial import TrialState as OptunaState

from search.records import Direction, TrialState
from search.spec import MOST_STARTUP_TRIALS
from search.tuning.hyperband import Hyperband
from search.tuning.samplers import (
    N_BEST_TRIALS,
    N_MODELLED_TRIALS,
    REMEMBERING_POINTS,
    STATEFUL,
    make_sampler,
)
from search.tuning.space import SearchSpace


class History:
    """Trials as the sampler sees them: asked in order, told in order, the rest running.

    Args:
        space: The study's space.
        sampler: Name of the sampler.
        seed: The study's seed.
        direction: Whether a low or a high score is good.
        pruner: As `make_pruner` makes it; None prunes nothing.
        study_name: The study's name, from which Hyperband derives each trial's bracket.
        n_startup_trials: As in `make_sampler`.
        n_elsewhere: Trials, the first ones, that were asked before a range became wider.
    """

    def __init__(
        self,
        space: SearchSpace,
        sampler: str,
        seed: int,
        direction: Direction,
        *,
        pruner: BasePruner | None = None,
        study_name: str = "",
        n_startup_trials: int = MOST_STARTUP_TRIALS,
        n_elsewhere: int = 0,
    ) -> None:
        self._space = space
        self._distributions = space.distributions
        self._stateful = sampler in STATEFUL
        self._n_placed = n_elsewhere if sampler in REMEMBERING_POINTS else 0
        self._told = _ToldTrials(direction)
        self._points = space.points(sampler)
        self._walked: set[tuple[Any, ...]] = set()
        self._memory = _Memory()
        # The study itself has no pruner: Optuna would show samplers one Hyperband bracket only, of brackets that exist
        # from the first report on, which comes sooner or later with the speed of the workers.
        with _quiet_optuna():
            self._study = optuna.create_study(
                storage=self._memory,
                study_name=study_name,
                direction=direction,
                sampler=make_sampler(sampler, seed, self._distributions, n_startup_trials),
                pruner=NopPruner(),
            )
        self._pruner = pruner
        self._known: dict[int, _Excerpt] = {}
        self._shows_excerpts = sampler == "tpe"
        self.asked = 0
        self.told = 0

    def ask(self, recorded: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Ask the next trial.

        Args:
            recorded: The sampled values of this trial when an earlier coordinator asked it already.

        Returns:
            Sampled values by parameter name; the first trial's are the baseline's.
        """
        if self._pruner is not None:
            self._known[self.asked] = self._told.all()
        sampled = self._propose(recorded)
        self.asked += 1
        return sampled

    def _propose(self, recorded: Mapping[str, Any] | None) -> dict[str, Any]:
        is_asked_again = self._stateful and self.asked >= self._n_placed
        fixed = recorded if recorded is not None and not is_asked_again else self._planned()
        if self._points is not None and fixed is not None:
            self._walked.add(tuple(fixed.values()))
        if fixed is None:
            proposed = self._sample()
            return dict(recorded) if recorded is not None else proposed
        self._study.add_trial(
            optuna.create_trial(state=OptunaState.RUNNING, params=dict(fixed), distributions=self._distributions)
        )
        return dict(fixed)

    def _planned(self) -> Mapping[str, Any] | None:
        """What the next trial is without being sampled: the baseline, or the next point of a walk; None for neither.

        Points that the study walked before a range became wider are among those of the wider range, between new ones.
        """
        if self.asked == 0:
            return self._space.baseline()
        if self._points is None:
            return None
        return next(point for point in self._points if tuple(point.values()) not in self._walked)

    def _sample(self) -> dict[str, Any]:
        if not self._shows_excerpts:
            return self._study.ask(self._distributions).params
        running = [self._memory.get_trial(number) for number in range(self.told, self.asked)]
        with self._memory.showing(self._told.worth_modelling(running)):
            return self._study.ask(self._distributions).params

    def report(self, number: int, step: int, value: float) -> bool:
        """Report an intermediate value of a trial, and ask whether to cut the trial short.

        The answer depends on the trials that were told before this one was asked and on its own reports, on nothing
        else.

        Args:
            number: A trial that was asked and not told yet.
            step: Where in the trial, at least 0; above the trial's last step.
            value: What is compared with other trials at this step; finite.

        Returns:
            True when the pruner gives the trial up. Never for the baseline: asked first, it has none to be worse than.

        Raises:
            ValueError: The trial is not running, or the step does not rise.
        """
        if not self.told <= number < self.asked:
            raise ValueError(f"trial {number}: expected a trial that was asked and not told yet")
        # In a storage that holds one study, the key of a trial is its number.
        last = self._memory.get_trial(number).last_step
        if last is not None and step <= last:
            raise ValueError(f"trial {number}: expected a step above {last}, received {step}")
        self._memory.set_trial_intermediate_value(number, step, value)
        if self._pruner is None:
            return False
        with self._memory.showing(self._known[number]):
            # A numpy bool, from some pruners.
            return bool(self._pruner.prune(self._study, self._memory.get_trial(number)))

    def restore(self, number: int, values: Mapping[int, float]) -> None:
        """Report what a trial reported in an earlier session or as another of equal configuration; nobody judges it.

        Hyperband notes how far each trial came when it is asked, so it is asked again; others note nothing.

        Args:
            number: As in `report`.
            values: Step to value.
        """
        for step, value in sorted(values.items()):
            if isinstance(self._pruner, Hyperband):
                self.report(number, step, value)
            else:
                self._memory.set_trial_intermediate_value(number, step, value)

    def tell(self, state: TrialState, score: float | None) -> None:
        """Tell the outcome of the oldest trial that was not told yet.

        Args:
            state: How the trial ended. For a pruned one Optuna takes the last reported value as its value.
            score: The score of a complete trial; ignored for others.
        """
        value = score if state is TrialState.COMPLETE else None
        self._study.tell(self.told, value, OptunaState[state.name])
        self._told.append(self._memory.get_trial(self.told))
        self._known.pop(self.told, None)
        self.told += 1


@contextmanager
def _quiet_optuna() -> Iterator[None]:
    """Let Optuna not log that it made a study."""
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(before)


class _Excerpt:
    """The trials of a study that somebody may see, in the order of their numbers.

    Args:
        trials: The trials.
        best: The best complete one of them; None when none is complete.
    """

    def __init__(self, trials: list[FrozenTrial], best: FrozenTrial | None) -> None:
        self.best = best
        self._trials = trials
        self._in_states: dict[tuple[OptunaState, ...], list[FrozenTrial]] = {}

    def in_states(self, states: Container[OptunaState] | None) -> list[FrozenTrial]:
        """The trials in one of `states`; all of them when it is None. A pruner asks the same at every report."""
        if states is None:
            return self._trials
        key = tuple(state for state in OptunaState if state in states)
        if key not in self._in_states:
            self._in_states[key] = [trial for trial in self._trials if trial.state in key]
        return self._in_states[key]


class _ToldTrials:
    """Every told trial, and the best ones."""

    def __init__(self, direction: Direction) -> None:
        self._sign = 1.0 if direction == "minimize" else -1.0
        self._trials: list[FrozenTrial] = []
        self._with_value: list[FrozenTrial] = []
        self._best: list[FrozenTrial] = []

    def append(self, trial: FrozenTrial) -> None:
        """Add the next trial, with its outcome."""
        self._trials.append(trial)
        if trial.state is not OptunaState.FAIL:
            self._with_value.append(trial)
        if trial.state is OptunaState.COMPLETE:
            bisect.insort(self._best, trial, key=self._rank)
            del self._best[N_BEST_TRIALS:]

    def _rank(self, trial: FrozenTrial) -> tuple[float, int]:
        return self._sign * float(trial.values[0]), trial.number

    def all(self) -> _Excerpt:
        """All that is told by now."""
        return _Excerpt(self._trials.copy(), self._best[0] if self._best else None)

    def worth_modelling(self, running: list[FrozenTrial]) -> _Excerpt:
        """The best and the latest trials, with those that run."""
        latest = self._with_value[-N_MODELLED_TRIALS:]
        first = latest[0].number if latest else 0
        earlier = sorted((t for t in self._best if t.number < first), key=lambda t: t.number)
        return _Excerpt([*earlier, *latest, *running], self._best[0] if self._best else None)


class _Memory(InMemoryStorage):
    """Optuna's storage in memory; while an excerpt is shown, whoever reads sees no other trials."""

    def __init__(self) -> None:
        super().__init__()
        self._shown: _Excerpt | None = None

    @contextmanager
    def showing(self, excerpt: _Excerpt) -> Iterator[None]:
        """Show `excerpt` in place of the study's trials."""
        self._shown = excerpt
        try:
            yield
        finally:
            self._shown = None

    def get_all_trials(
        self, study_id: int, deepcopy: bool = True, states: Container[OptunaState] | None = None
    ) -> list[FrozenTrial]:
        """As Optuna has it. An excerpt is shown as it is, not copied: samplers and pruners only read."""
        if self._shown is None:
            return super().get_all_trials(study_id, deepcopy, states)
        return self._shown.in_states(states)

    def get_best_trial(self, study_id: int) -> FrozenTrial:
        """As Optuna has it."""
        if self._shown is None:
            return super().get_best_trial(study_id)
        if self._shown.best is None:
            raise ValueError("No trials are completed yet.")
        return self._shown.best
