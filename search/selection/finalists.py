"""Which trials are scored once more after the search."""

from __future__ import annotations

from collections.abc import Iterable

from search.records import BASELINE_TRIAL, Direction, Trial, TrialState


def pick_finalists(trials: Iterable[Trial], direction: Direction, n_finalists: int) -> tuple[Trial, ...]:
    """The baseline and the best others, each configuration once.

    Args:
        trials: All trials of a study.
        direction: Whether a low or a high score is good.
        n_finalists: How many besides the baseline, at most.

    Returns:
        The baseline first, then the others, the best first, of equal scores the earlier one. Empty where there is
        nothing to compare: the baseline has no score, or nothing else has.
    """
    sign = 1.0 if direction == "minimize" else -1.0
    scored = [trial for trial in trials if trial.score is not None and trial.state is TrialState.COMPLETE]
    baseline = next((trial for trial in scored if trial.number == BASELINE_TRIAL), None)
    if baseline is None:
        return ()
    found = {baseline.configuration: baseline}
    for trial in sorted(scored, key=lambda trial: (sign * (trial.score or 0.0), trial.number)):
        if len(found) > n_finalists:
            break
        found.setdefault(trial.configuration, trial)
    return tuple(found.values()) if len(found) > 1 else ()
