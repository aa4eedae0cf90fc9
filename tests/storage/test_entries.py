from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest

from search.records import FailureCause, RunResult, TrialState
from search.storage import Ended, Progressed


@pytest.mark.parametrize(
    ("outcome", "message"),
    [
        ({"state": TrialState.RUNNING}, "expected a state that ends a trial, received RUNNING"),
        (
            {"state": TrialState.COMPLETE},
            "expected a score if and only if the trial is complete, received COMPLETE, None",
        ),
        ({"state": TrialState.COMPLETE, "score": math.nan}, "expected a finite score, received nan"),
        ({"state": TrialState.COMPLETE, "score": -math.inf}, "expected a finite score, received -inf"),
        (
            {"state": TrialState.PRUNED, "score": 0.5},
            "expected a score if and only if the trial is complete, received PRUNED, 0.5",
        ),
        (
            {"state": TrialState.FAIL, "score": 1.0, "error": "no"},
            "expected a score if and only if the trial is complete, received FAIL, 1.0",
        ),
        ({"state": TrialState.FAIL}, "expected an error if and only if the trial failed, received FAIL, None"),
        (
            {"state": TrialState.COMPLETE, "score": 1.0, "error": "no"},
            "expected an error if and only if the trial failed, received COMPLETE, 'no'",
        ),
        (
            {"state": TrialState.COMPLETE, "score": 1.0, "cause": FailureCause.RAISED},
            "expected a cause only with an error, received <FailureCause.RAISED: 'raised'>",
        ),
        (
            {"state": TrialState.PRUNED, "user_attrs": {"cause": "raised"}},
            "expected a free attribute name of at most 512 characters, received 'cause'",
        ),
        (
            {"state": TrialState.PRUNED, "intermediate": dict.fromkeys(range(51), 0.5)},
            "expected at most 50 intermediate values, received 51",
        ),
        (
            {"state": TrialState.PRUNED, "user_attrs": {"configuration": 1}},
            "expected a free attribute name of at most 512 characters, received 'configuration'",
        ),
        (
            {"state": TrialState.PRUNED, "user_attrs": {"x" * 513: 1}},
            f"expected a free attribute name of at most 512 characters, received '{'x' * 513}'",
        ),
    ],
)
def test_an_outcome_that_contradicts_itself_is_refused(outcome: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match="expected") as caught:
        Ended(0, **outcome)
    assert str(caught.value) == message


def test_a_run_of_another_trial_is_refused(make_result: Callable[..., RunResult]) -> None:
    with pytest.raises(ValueError, match=r"^expected runs of trial 0, received one of trial 1$"):
        Ended(0, TrialState.COMPLETE, 1.0, results=[make_result(1)])


def test_too_many_values_of_a_trial_that_runs_are_refused() -> None:
    with pytest.raises(ValueError, match=r"^expected at most 50 intermediate values, received 51$"):
        Progressed(0, dict.fromkeys(range(51), 0.5))
