"""How much of a study's scores each name of [space] explains."""

from __future__ import annotations

import math
from collections.abc import Sequence

import optuna
from optuna.distributions import json_to_distribution
from optuna.trial import TrialState as OptunaState

from search.records import Direction, Trial, TrialState

LEAST_TRIALS = 10
"""With a score, below which shares are mostly chance."""


def parameter_importances(trials: Sequence[Trial], direction: Direction) -> dict[str, float]:
    """How much each name of [space] tells the better trials from all.

    Optuna's PED-ANOVA (Watanabe, Bansal and Hutter 2023), over what was sampled: "off" is a stretch of a name's axis.

    Args:
        trials: Of one study, with their parameters.
        direction: Whether a low or a high score is good.

    Returns:
        Shares that sum to 1, the largest first; empty where fewer than `LEAST_TRIALS` have a score, where all scores
        are the same, and where nothing is searched.
    """
    scored = [
        trial
        for trial in trials
        if trial.state is TrialState.COMPLETE and trial.score is not None and math.isfinite(trial.score)
    ]
    if len(scored) < LEAST_TRIALS or len({trial.score for trial in scored}) < 2 or not scored[0].parameters:
        return {}
    level = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        study = optuna.create_study(direction=direction)
        study.add_trials([_frozen(trial) for trial in scored])
        found = optuna.importance.get_param_importances(study)
    finally:
        optuna.logging.set_verbosity(level)
    total = sum(found.values())
    if not math.isfinite(total) or total <= 0:
        return {}
    return {name: share / total for name, share in sorted(found.items(), key=lambda each: -each[1])}


def _frozen(trial: Trial) -> optuna.trial.FrozenTrial:
    distributions = {each.name: json_to_distribution(each.distribution) for each in trial.parameters}
    return optuna.create_trial(
        state=OptunaState.COMPLETE,
        value=trial.score,
        params={each.name: distributions[each.name].to_external_repr(each.internal) for each in trial.parameters},
        distributions=distributions,
    )
