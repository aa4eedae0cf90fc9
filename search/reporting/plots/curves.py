"""Learning curves of baseline and choice, side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING

from search.figures import CurveSet, curves_figure

if TYPE_CHECKING:
    from search.figures import Figure
    from search.records import Trial
    from search.reporting.plots.gathering import Plotted


def draw(plotted: Plotted, over: str | None = None) -> Figure:
    """Losses, epoch by epoch."""
    choice = plotted.choice
    shown = {trial.number: trial for trial in (choice.baseline, choice.chosen) if trial is not None}
    return curves_figure(plotted.study.name, [_curve_set(plotted, trial) for trial in shown.values()])


def _curve_set(plotted: Plotted, trial: Trial) -> CurveSet:
    storage, study_id, choice = plotted.storage, plotted.study.study_id, plotted.choice
    runs = [run for run in storage.runs(study_id, trial.number) if run.error is None]
    roles = [word for word, of in (("baseline", choice.baseline), ("chosen", choice.chosen)) if of is trial]
    return CurveSet(
        f"trial {trial.number}, {' and '.join(roles)}",
        [storage.curve(study_id, trial.number, run.fold, run.repeat) for run in runs],
        [run.best_epoch for run in runs],
    )
