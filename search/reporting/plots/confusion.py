"""Which classes baseline and choice confuse."""

from __future__ import annotations

from typing import TYPE_CHECKING

from search.figures import confusion_figure
from search.reporting.plots._diagnosed import nothing_to_draw, read_diagnosis

if TYPE_CHECKING:
    from search.figures import Figure
    from search.reporting.plots.gathering import Plotted


def draw(plotted: Plotted, over: str | None = None) -> Figure:
    """Confusion matrices.

    Raises:
        UsageError: They are not known, or there are no classes, or too many.
    """
    if not plotted.study.facts.classes:
        remedy = "`--kind residuals` draws what it predicts."
        raise nothing_to_draw(plotted, "a study that predicts classes", "one that predicts numbers", remedy)
    diagnosis = read_diagnosis(plotted)
    if not diagnosis.confusions:
        raise nothing_to_draw(plotted, "predictions of at most 50 classes that were kept", "none")
    return confusion_figure(plotted.study, diagnosis)
