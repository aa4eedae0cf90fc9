"""How much each searched name matters, on the axes that were sampled: "off" is a stretch of each of them.

The measure is optuna-dashboard's own (PED-ANOVA; Watanabe, Bansal and Hutter 2023). It reads every trial through
Optuna, intermediate values included, which takes many seconds in a large study; here it gets what it looks at.
"""

from __future__ import annotations

import logging
import warnings
from typing import TYPE_CHECKING, Any

from search.records import TrialState

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from optuna import Study
    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial

    from search.records import StudyRecord, Trial
    from search.storage import Storage


def weigh_parameters(storage: Storage, study: StudyRecord) -> list[dict[str, Any]]:
    """Name, importance and kind of distribution of each searched name, the most important first; fewer than two
    complete trials tell nothing.
    """
    from optuna.distributions import json_to_distribution
    from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances

    known: dict[str, BaseDistribution] = {}
    trials = []
    for trial in storage.trials(study.study_id):
        if trial.state is not TrialState.COMPLETE or trial.score is None:
            continue
        for each in trial.parameters:
            if each.distribution not in known:
                known[each.distribution] = json_to_distribution(each.distribution)
        distributions = {each.name: known[each.distribution] for each in trial.parameters}
        trials.append(_as_optuna(trial, trial.score, distributions))
    if len(trials) < 2:
        return []
    sign = -1.0 if study.direction == "maximize" else 1.0  # low values are taken for good ones
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of few trials
        found = get_param_importances(
            _study_of(trials), target=lambda trial: sign * trial.values[0], evaluator=PedAnovaImportanceEvaluator()
        )
    kinds = {name: type(kind).__name__ for name, kind in trials[0].distributions.items()}
    if not any(found.values()):
        found = {name: 1 / len(kinds) for name in kinds}
    return [{"name": name, "importance": worth, "distribution": kinds[name]} for name, worth in found.items()]


def _as_optuna(trial: Trial, score: float, distributions: Mapping[str, BaseDistribution]) -> FrozenTrial:
    from optuna.trial import FrozenTrial
    from optuna.trial import TrialState as OptunaState

    return FrozenTrial(
        number=trial.number,
        state=OptunaState.COMPLETE,
        value=score,
        datetime_start=trial.started,
        datetime_complete=trial.completed,
        params={each.name: distributions[each.name].to_external_repr(each.internal) for each in trial.parameters},
        distributions=dict(distributions),
        user_attrs={},
        system_attrs={},
        intermediate_values={},
        trial_id=trial.number,
    )


def _study_of(trials: Sequence[FrozenTrial]) -> Study:
    """A study of these complete trials, which are not copied: that of thousands takes a second."""
    import optuna

    class Rebuilt(optuna.Study):
        def get_trials(self, deepcopy: bool = True, states: Any = None) -> list[FrozenTrial]:
            return list(trials)

    logging.getLogger("optuna.storages._in_memory").setLevel(logging.WARNING)  # it tells of each study that is made
    storage = optuna.storages.InMemoryStorage()
    key = storage.create_new_study([optuna.study.StudyDirection.MINIMIZE])
    return Rebuilt(storage.get_study_name_from_id(key), storage)
