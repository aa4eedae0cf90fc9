"""How much of the scores each name of [space] explains, also where a range became wider on the way."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from search.records import StudyRecord, Trial


def name_importances(study: StudyRecord, trials: Sequence[Trial], least_trials: int | None = None) -> dict[str, float]:
    """As `search.tuning.importance.parameter_importances` tells it of the trials of a study."""
    from search.tuning.importance import LEAST_TRIALS, parameter_importances

    space = None
    if len({parameter.distribution for trial in trials for parameter in trial.parameters}) > len(study.spec["space"]):
        from search.preparation.catalogue import default_catalogue
        from search.spec import spec_from_json
        from search.tuning.space import search_space

        space = search_space(spec_from_json(study.spec), default_catalogue())
    return parameter_importances(trials, study.direction, least_trials or LEAST_TRIALS, space)
