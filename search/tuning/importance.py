"""How much of a study's scores each name of [space] explains, on the axes that were sampled.

The measure is Optuna's PED-ANOVA (Watanabe, Bansal and Hutter 2023). "Off" is a stretch of each axis. Optuna would read
every trial anew, and copy it; here it gets what it looks at, which for thousands of trials saves seconds.
"""

from __future__ import annotations

import logging
import math
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, json_to_distribution
from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances
from optuna.trial import FrozenTrial
from optuna.trial import TrialState as OptunaState

from search.records import Direction, Trial, TrialState, damage_told
from search.tuning.space import SearchSpace

LEAST_TRIALS = 10
"""With a score, below which shares are mostly chance."""


def parameter_importances(
    trials: Sequence[Trial],
    direction: Direction,
    least_trials: int = LEAST_TRIALS,
    space: SearchSpace | None = None,
) -> dict[str, float]:
    """How much each name of [space] tells the better trials from all.

    Args:
        trials: Of one study, with their parameters.
        direction: Whether a low or a high score is good.
        least_trials: With a score, below which nothing is told; 2 at least.
        space: What the study searches now, where not all trials were asked in the same ranges: Optuna tells nothing of
            a name whose distributions differ.

    Returns:
        Shares that sum to 1, the largest first; empty where too few trials have a score, where all scores are the same,
        and where nothing is searched.
    """
    scored = [
        trial
        for trial in trials
        if trial.state is TrialState.COMPLETE and trial.score is not None and math.isfinite(trial.score)
    ]
    if len(scored) < max(2, least_trials) or len({trial.score for trial in scored}) < 2 or not scored[0].parameters:
        return {}
    sign = -1.0 if direction == "maximize" else 1.0  # low values are taken for good ones
    with warnings.catch_warnings():
        # Of a value that few trials had: the share of its name is as it is.
        warnings.simplefilter("ignore")
        found = get_param_importances(
            _study_of(_as_optuna(scored) if space is None else _in_space(scored, space)),
            target=lambda trial: sign * trial.values[0],
            evaluator=PedAnovaImportanceEvaluator(),
        )
    total = sum(found.values())
    if not math.isfinite(total) or total <= 0:
        return {}
    return {name: share / total for name, share in sorted(found.items(), key=lambda each: -each[1])}


def _as_optuna(trials: Sequence[Trial]) -> list[FrozenTrial]:
    known: dict[str, BaseDistribution] = {}
    for text in (each.distribution for trial in trials for each in trial.parameters):
        if text not in known:
            with damage_told("a distribution"):
                known[text] = json_to_distribution(text)
    found = []
    for trial in trials:
        theirs = {each.name: known[each.distribution] for each in trial.parameters}
        sampled = {each.name: theirs[each.name].to_external_repr(each.internal) for each in trial.parameters}
        found.append(_frozen(trial, theirs, sampled))
    return found


def _in_space(trials: Sequence[Trial], space: SearchSpace) -> list[FrozenTrial]:
    return [_frozen(trial, space.distributions, space.sampled(trial)) for trial in trials]


def _frozen(trial: Trial, distributions: Mapping[str, BaseDistribution], sampled: Mapping[str, Any]) -> FrozenTrial:
    return FrozenTrial(
        number=trial.number,
        state=OptunaState.COMPLETE,
        value=trial.score,
        datetime_start=trial.started,
        datetime_complete=trial.completed,
        params=dict(sampled),
        distributions=dict(distributions),
        user_attrs={},
        system_attrs={},
        intermediate_values={},
        trial_id=trial.number,
    )


def _study_of(trials: Sequence[FrozenTrial]) -> optuna.Study:
    """A study of these complete trials, which are not copied: that of thousands takes a second."""

    class Rebuilt(optuna.Study):
        def get_trials(self, deepcopy: bool = True, states: Any = None) -> list[FrozenTrial]:
            return list(trials)

    logging.getLogger("optuna.storages._in_memory").setLevel(logging.WARNING)  # it tells of each study that is made
    storage = optuna.storages.InMemoryStorage()
    key = storage.create_new_study([optuna.study.StudyDirection.MINIMIZE])
    return Rebuilt(storage.get_study_name_from_id(key), storage)
