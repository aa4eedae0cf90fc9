"""One coefficient of the choice over its values."""

from __future__ import annotations

from typing import TYPE_CHECKING

from search.errors import Problem, UsageError
from search.figures import path_figure
from search.records import SWEEP_KIND, SWEEP_VERSION, Sweep, technique_of
from search.techniques import TECHNIQUES

if TYPE_CHECKING:
    from search.figures import Figure
    from search.reporting.plots.gathering import Plotted


def draw(plotted: Plotted, over: str | None = None) -> Figure:
    """Score and weight norms over the values of `over`.

    Raises:
        UsageError: No name is given, or nothing was trained over it.
    """
    study = plotted.study
    if over is None:
        raise UsageError(Problem("--over", "expected the name of a path, received none", "Give one, as --over l2."))
    stored = plotted.storage.analysis(study.study_id, SWEEP_KIND, over)
    if stored is None or stored.document.get("version") != SWEEP_VERSION:
        remedy = f"`regsearch path {study.name} --over {over}` trains it."
        raise UsageError(Problem(study.name, f"expected a path over {over}, received a study without", remedy))
    technique = TECHNIQUES.get(technique_of(over) or "")
    weak = "high" if technique is not None and technique.domain.weak == "high" else "low"
    return path_figure(study, Sweep.from_json(stored.document), weak=weak)
