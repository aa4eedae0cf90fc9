"""What baseline and choice say of a plane, where rows are two numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from search.figures import boundary_figure
from search.reporting.plots._diagnosed import nothing_to_draw, read_diagnosis

if TYPE_CHECKING:
    from search.figures import Figure
    from search.reporting.plots.gathering import Plotted


def draw(plotted: Plotted, over: str | None = None) -> Figure:
    """Decision boundaries.

    Raises:
        UsageError: They are not known: rows are other than two numbers, or of no classes, or training takes long.
    """
    diagnosis = read_diagnosis(plotted)
    if diagnosis.boundary is None:
        raise nothing_to_draw(plotted, "classes of rows with two numbers, and models that train in 2 seconds", "others")
    return boundary_figure(plotted.study, diagnosis, diagnosis.boundary)
