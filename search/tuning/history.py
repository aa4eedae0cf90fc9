"""What the sampler knows: an Optuna study in memory, asked and told in the order of trial numbers.

The database is written by `search.storage`; Optuna itself never reads it back, so an ask costs what the sampler
costs. After a crash the history is rebuilt from the trials in the database by the same steps in the same order.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import optuna
from optuna.trial import TrialState as OptunaState

from search.records import Direction, TrialState
from search.tuning.samplers import STATEFUL, make_sampler
from search.tuning.space import SearchSpace


class History:
    """Trials as the sampler sees them: asked in order, told in order, the rest running.

    Args:
        space: The study's space.
        sampler: Name of the sampler.
        seed: The study's seed.
        direction: Whether a low or a high score is good.
    """

    def __init__(self, space: SearchSpace, sampler: str, seed: int, direction: Direction) -> None:
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._space = space
        self._distributions = space.distributions
        self._stateful = sampler in STATEFUL
        self._grid: Iterator[dict[str, Any]] | None = space.grid() if sampler == "grid" else None
        self._study = optuna.create_study(direction=direction, sampler=make_sampler(sampler, seed, self._distributions))
        self.asked = 0
        self.told = 0

    def ask(self, recorded: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Ask the next trial.

        Args:
            recorded: The sampled values of this trial when an earlier coordinator asked it already.

        Returns:
            Sampled values by parameter name; the first trial's are the baseline's.
        """
        sampled = self._propose(recorded)
        self.asked += 1
        return sampled

    def _propose(self, recorded: Mapping[str, Any] | None) -> dict[str, Any]:
        planned = next(self._grid) if self._grid is not None else None
        if self.asked == 0:
            planned = self._space.baseline()
        fixed = recorded if recorded is not None and not self._stateful else planned
        if fixed is None:
            proposed = self._study.ask(self._distributions).params
            return dict(recorded) if recorded is not None else proposed
        self._study.add_trial(
            optuna.create_trial(state=OptunaState.RUNNING, params=dict(fixed), distributions=self._distributions)
        )
        return dict(fixed)

    def tell(self, state: TrialState, score: float | None) -> None:
        """Tell the outcome of the oldest trial that was not told yet."""
        value = score if state is TrialState.COMPLETE else None
        self._study.tell(self.told, value, OptunaState[state.name])
        self.told += 1
