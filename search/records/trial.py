"""One configuration that was tried: Optuna's trial."""

from __future__ import annotations

import datetime as dt
import enum
from dataclasses import dataclass

from search.records.configuration import Configuration
from search.records.run import FailureCause

BASELINE_TRIAL = 0
"""The number of the trial that has everything off."""


class TrialState(enum.Enum):
    """Optuna's states of a trial, under Optuna's names."""

    RUNNING = "RUNNING"
    COMPLETE = "COMPLETE"
    PRUNED = "PRUNED"
    FAIL = "FAIL"
    WAITING = "WAITING"

    @property
    def is_final(self) -> bool:
        """Whether a trial in this state has its outcome."""
        return self in (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL)


@dataclass(frozen=True)
class Parameter:
    """One sampled parameter of a trial as Optuna stores it.

    Args:
        name: The name in [space].
        internal: Optuna's internal representation (a categorical's index, a number otherwise).
        distribution: Optuna's JSON of the distribution.
    """

    name: str
    internal: float
    distribution: str


@dataclass(frozen=True)
class TrialOutcome:
    """How a trial ended.

    Args:
        state: COMPLETE (with a score), PRUNED (with neither score nor error) or FAIL (with an error).
        score: Mean score over the trial's runs.
        error: Why it failed, for people.
        cause: The same for programs.
    Raises:
        ValueError: The outcome contradicts itself.
    """

    state: TrialState
    score: float | None = None
    error: str | None = None
    cause: FailureCause | None = None

    def __post_init__(self) -> None:
        if not self.state.is_final:
            raise ValueError(f"expected a state that ends a trial, received {self.state.name}")
        if (self.state is TrialState.COMPLETE) != (self.score is not None):
            raise ValueError(f"expected a score if and only if a trial is complete, received {self}")
        if (self.state is TrialState.FAIL) != (self.error is not None) or (self.cause and self.error is None):
            raise ValueError(f"expected an error if and only if a trial failed, received {self}")


@dataclass(frozen=True)
class Trial:
    """One trial as the storage holds it.

    Args:
        number: Trial number within the study, from 0.
        state: Optuna's state.
        configuration: The effective configuration.
        score: Mean score over the trial's runs; None unless complete.
        error: Why the trial failed, for people; else None.
        cause: The same for programs; None also for trials that an earlier version wrote down.
        parameters: The sampled parameters, from which the sampler's history can be rebuilt.
        started: When it was asked, UTC, naive.
        completed: When it was told, UTC, naive; None while it runs.
    """

    number: int
    state: TrialState
    configuration: Configuration
    score: float | None = None
    error: str | None = None
    parameters: tuple[Parameter, ...] = ()
    started: dt.datetime | None = None
    completed: dt.datetime | None = None
    cause: FailureCause | None = None

    @property
    def outcome(self) -> TrialOutcome:
        """How the trial ended.

        Raises:
            ValueError: It has not.
        """
        return TrialOutcome(self.state, self.score, self.error, self.cause)
