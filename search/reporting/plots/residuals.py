"""How far off numbers are that baseline and choice predict."""

from __future__ import annotations

from typing import TYPE_CHECKING

from search.figures import residuals_figure
from search.reporting.plots._diagnosed import nothing_to_draw, read_diagnosis

if TYPE_CHECKING:
    from search.figures import Figure
    from search.reporting.plots.gathering import Plotted


_KEEP = "confirm.keep_predictions_mib says how much room they have."


def draw(plotted: Plotted, over: str | None = None) -> Figure:
    """Predictions against what rows are.

    Raises:
        UsageError: They are not known, or nothing is a number.
    """
    if plotted.study.facts.classes:
        remedy = "`--kind confusion` draws what it predicts."
        raise nothing_to_draw(plotted, "a study that predicts numbers", "one that predicts classes", remedy)
    diagnosis = read_diagnosis(plotted)
    if not diagnosis.pairs:
        raise nothing_to_draw(plotted, "predictions of numbers that were kept", "none", _KEEP)
    return residuals_figure(plotted.study, diagnosis)
