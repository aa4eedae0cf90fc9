"""Weight norms by layer of baseline, choice and the other finalists."""

from __future__ import annotations

from typing import TYPE_CHECKING

from search.errors import Problem, UsageError
from search.figures import TrialNorms, norms_figure

if TYPE_CHECKING:
    from search.figures import Figure
    from search.reporting.plots.gathering import Plotted


def draw(plotted: Plotted, over: str | None = None) -> Figure:
    """A line a trial, over the layers.

    Raises:
        UsageError: No run has told its norms.
    """
    storage, study, choice = plotted.storage, plotted.study, plotted.choice
    roles: dict[int, list[str]] = {}
    for role, trial in (("baseline", choice.baseline), ("chosen", choice.chosen)):
        if trial is not None:
            roles.setdefault(trial.number, []).append(role)
    for finalist in () if choice.verdict is None else choice.verdict.finalists:
        roles.setdefault(finalist.trial, [])
    drawn = []
    for number, words in roles.items():
        norms = [run.weight_norms for run in storage.runs(study.study_id, number) if run.weight_norms]
        if norms:
            drawn.append(TrialNorms(number, " and ".join(words), norms))
    if not drawn:
        remedy = "Runs tell them unless an earlier version trained them."
        raise UsageError(Problem(study.name, "expected runs with weight norms, received none", remedy))
    return norms_figure(study.name, drawn)
