"""How much each searched name matters, on the axes that were sampled: "off" is a stretch of each of them.

The measure is optuna-dashboard's own (PED-ANOVA; Watanabe, Bansal and Hutter 2023). It reads every trial through
Optuna, intermediate values included, which takes many seconds in a large study; here it gets what it looks at.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

from search.records import TrialState

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

    from search.records import StudyRecord
    from search.storage import Storage


def weigh_parameters(storage: Storage, study: StudyRecord) -> list[dict[str, Any]]:
    """Name, importance and kind of distribution of each searched name, the most important first; fewer than two
    complete trials tell nothing.
    """
    import optuna
    from optuna.distributions import json_to_distribution
    from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances

    known: dict[str, BaseDistribution] = {}
    trials = []
    for trial in storage.trials(study.study_id):
        if trial.state is not TrialState.COMPLETE:
            continue
        for each in trial.parameters:
            if each.distribution not in known:
                known[each.distribution] = json_to_distribution(each.distribution)
        distributions = {each.name: known[each.distribution] for each in trial.parameters}
        values = {each.name: distributions[each.name].to_external_repr(each.internal) for each in trial.parameters}
        trials.append(optuna.create_trial(params=values, distributions=distributions, value=trial.score))
    if len(trials) < 2:
        return []
    level = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        rebuilt = optuna.create_study()
        rebuilt.add_trials(trials)
    finally:
        optuna.logging.set_verbosity(level)
    sign = -1.0 if study.direction == "maximize" else 1.0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of few trials, and that low values are taken for good ones
        found = get_param_importances(
            rebuilt, target=lambda trial: sign * float(trial.value or 0.0), evaluator=PedAnovaImportanceEvaluator()
        )
    kinds = {name: type(kind).__name__ for name, kind in trials[0].distributions.items()}
    if not found or not any(found.values()):
        found = {name: 1 / len(kinds) for name in kinds}
    return [{"name": name, "importance": worth, "distribution": kinds[name]} for name, worth in found.items()]
