"""What happens to a trial, noted down: it started, it progressed, it ended. `Storage.write` takes them by the batch."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from search.records import Configuration, FailureCause, Parameter, RunResult, TrialState
from search.storage import optuna_tables
from search.storage.studies import utc_now

MAX_INTERMEDIATE_VALUES = 50
"""Intermediate values a trial may have: readers of Optuna's tables slow down with each one."""

CONFIGURATION, BASELINE, ERROR, CAUSE = "configuration", "baseline", "error", "cause"
"""Names of the attributes of a trial that are ours."""

_RESERVED = frozenset({CONFIGURATION, BASELINE, ERROR, CAUSE})


@dataclass(frozen=True)
class Started:
    """A trial was asked.

    Args:
        number: The next number of the study, counted from 0.
        configuration: The effective configuration.
        parameters: What was sampled, in Optuna's representation.
        baseline: Whether this is the trial with everything off.
        at: When it started, UTC, naive.
    """

    number: int
    configuration: Configuration
    parameters: Sequence[Parameter] = ()
    baseline: bool = False
    at: dt.datetime = field(default_factory=utc_now)


@dataclass(frozen=True)
class Progressed:
    """A trial that runs has values to show.

    Args:
        number: Number of a trial that is RUNNING.
        intermediate: Step to value, at most 50; they take the place of those before.
    Raises:
        ValueError: There are more than 50 values.
    """

    number: int
    intermediate: Mapping[int, float]

    def __post_init__(self) -> None:
        _check_intermediate(self.intermediate)


@dataclass(frozen=True)
class Ended:
    """A trial has its outcome.

    Args:
        number: Number of a trial that is RUNNING.
        state: COMPLETE (with a score), PRUNED (with neither score nor error) or FAIL (with an error).
        score: Mean score over the runs, finite.
        error: Why the trial failed.
        results: Its runs.
        intermediate: Step to value for Optuna's dashboard, at most 50; they take the place of those before.
        user_attrs: Further attributes that Optuna shows, JSON-ready.
        at: When it ended, UTC, naive.
        cause: Why the trial failed, for programs; None where that is not known.
    Raises:
        ValueError: The outcome contradicts itself, or Optuna could not read it back: an attribute's name is taken
            or too long, there are more than 50 intermediate values, or a result is of another trial.
    """

    number: int
    state: TrialState
    score: float | None = None
    error: str | None = None
    results: Sequence[RunResult] = ()
    intermediate: Mapping[int, float] = field(default_factory=dict)
    user_attrs: Mapping[str, Any] = field(default_factory=dict)
    at: dt.datetime = field(default_factory=utc_now)
    cause: FailureCause | None = None

    def __post_init__(self) -> None:
        state, score, error = self.state, self.score, self.error
        if not state.is_final:
            raise ValueError(f"expected a state that ends a trial, received {state.name}")
        if (state is TrialState.COMPLETE) != (score is not None):
            raise ValueError(f"expected a score if and only if the trial is complete, received {state.name}, {score!r}")
        if score is not None and not math.isfinite(score):
            raise ValueError(f"expected a finite score, received {score!r}")
        if (state is TrialState.FAIL) != (error is not None):
            raise ValueError(f"expected an error if and only if the trial failed, received {state.name}, {error!r}")
        if error is None and self.cause is not None:
            raise ValueError(f"expected a cause only with an error, received {self.cause!r}")
        _check_intermediate(self.intermediate)
        for key in self.user_attrs:
            if key in _RESERVED or len(key) > optuna_tables.MAX_KEY_LENGTH:
                raise ValueError(f"expected a free attribute name of at most 512 characters, received {key!r}")
        for result in self.results:
            if result.run.trial != self.number:
                raise ValueError(f"expected runs of trial {self.number}, received one of trial {result.run.trial}")


Entry = Started | Progressed | Ended


def _check_intermediate(values: Mapping[int, float]) -> None:
    if len(values) > MAX_INTERMEDIATE_VALUES:
        raise ValueError(f"expected at most {MAX_INTERMEDIATE_VALUES} intermediate values, received {len(values)}")
