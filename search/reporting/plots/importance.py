"""How much of the scores each name of [space] explains."""

from __future__ import annotations

from typing import TYPE_CHECKING

from search.figures import importance_figure
from search.reporting.importances import name_importances
from search.reporting.plots._diagnosed import nothing_to_draw

if TYPE_CHECKING:
    from search.figures import Figure
    from search.reporting.plots.gathering import Plotted


def draw(plotted: Plotted, over: str | None = None) -> Figure:
    """Shares of names.

    Raises:
        UsageError: Too few trials have a score, or all the same one.
    """
    from search.tuning.importance import LEAST_TRIALS

    study = plotted.study
    trials = plotted.storage.trials(study.study_id)
    shares = name_importances(study, trials)
    if not shares:
        n_scored = sum(trial.score is not None for trial in trials)
        expected = f"at least {LEAST_TRIALS} trials with scores that differ"
        raise nothing_to_draw(plotted, expected, f"{n_scored} with a score")
    return importance_figure(study.name, shares, sum(trial.score is not None for trial in trials))
