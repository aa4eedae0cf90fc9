"""How much each searched name matters, in the form that optuna-dashboard's page takes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from search.reporting.importances import name_importances

if TYPE_CHECKING:
    from collections.abc import Sequence

    from search.records import StudyRecord, Trial

_LEAST_TRIALS = 2  # as optuna-dashboard has it


def weigh_parameters(study: StudyRecord, trials: Sequence[Trial]) -> list[dict[str, Any]]:
    """Name, importance and kind of distribution of each searched name, the most important first; fewer than two
    complete trials tell nothing, and where all scored the same all are equal.
    """
    complete = [trial for trial in trials if trial.score is not None and trial.parameters]
    if len(complete) < _LEAST_TRIALS:
        return []
    kinds = {each.name: json.loads(each.distribution)["name"] for each in complete[0].parameters}
    shares = name_importances(study, trials, _LEAST_TRIALS)
    weighed = shares or dict.fromkeys(kinds, 1 / len(kinds))
    return [{"name": name, "importance": share, "distribution": kinds[name]} for name, share in weighed.items()]
