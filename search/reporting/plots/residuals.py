"""How far off numbers are that baseline and choice predict."""

from __future__ import annotations

from typing import TYPE_CHECKING

from search.figures import residuals_figure
from search.reporting.plots._diagnosed import nothing_to_draw, read_diagnosis

if TYPE_CHECKING:
    from search.figures import Figure
    from search.reporting.plots.gathering import Plotted


def draw(plotted: Plotted, over: str | None = None) -> Figure:
    """Predictions against what rows are.

    Raises:
        UsageError: They are not known, or nothing is a number.
    """
    diagnosis = read_diagnosis(plotted)
    if not diagnosis.pairs:
        received = "a classification" if plotted.study.facts.classes else "none that are kept"
        raise nothing_to_draw(plotted, "predictions of numbers", received)
    return residuals_figure(plotted.study, diagnosis)
