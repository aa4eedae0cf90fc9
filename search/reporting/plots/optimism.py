"""Scores of the finalists in the search, against those on fresh divisions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from search.figures import optimism_figure
from search.reporting.plots.finalists import confirmed_verdict

if TYPE_CHECKING:
    from search.figures import Figure
    from search.reporting.plots.gathering import Plotted


def draw(plotted: Plotted, over: str | None = None) -> Figure:
    """A point a finalist, with the diagonal on which the search would have promised just what came.

    Raises:
        UsageError: Nothing is confirmed.
    """
    verdict = confirmed_verdict(plotted)
    return optimism_figure(plotted.study, verdict, {trial.number: trial.configuration for trial in plotted.trials})
