"""The gap between losses of a trial, against its score."""

from __future__ import annotations

from collections import defaultdict
from statistics import fmean
from typing import TYPE_CHECKING

from search.errors import Problem, UsageError
from search.figures import TrialGap, gap_figure

if TYPE_CHECKING:
    from collections.abc import Sequence

    from search.figures import Figure
    from search.records import Trial
    from search.reporting.plots.gathering import Plotted

_MOST_TRIALS = 200
"""Of a figure; of more, those spread evenly over the search are taken, and those that matter."""


def draw(plotted: Plotted, over: str | None = None) -> Figure:
    """A point a trial.

    Raises:
        UsageError: No run has told a curve.
    """
    study, choice = plotted.study, plotted.choice
    gaps = _gaps(plotted, _spread(plotted))
    if not gaps or choice.chosen is None:
        remedy = "Only trials that told their losses, epoch by epoch, have one."
        raise UsageError(Problem(study.name, "expected a trial with a gap to draw, received none", remedy))
    baseline = None if choice.baseline is None else choice.baseline.number
    return gap_figure(study, gaps, baseline, choice.chosen.number)


def _spread(plotted: Plotted) -> list[Trial]:
    choice, verdict = plotted.choice, plotted.choice.verdict
    scored = [trial for trial in plotted.trials if trial.score is not None]
    step = max(1, len(scored) // _MOST_TRIALS)
    numbers = {trial.number for trial in scored[::step][:_MOST_TRIALS]}
    numbers |= {trial.number for trial in (choice.baseline, choice.best, choice.chosen) if trial is not None}
    numbers |= {each.trial for each in verdict.finalists} if verdict is not None else set()
    return [trial for trial in scored if trial.number in numbers]


def _gaps(plotted: Plotted, trials: Sequence[Trial]) -> list[TrialGap]:
    losses = defaultdict(list)
    numbers = [trial.number for trial in trials]
    for number, train, validation in plotted.storage.kept_losses(plotted.study.study_id, numbers):
        losses[number].append((train, validation))
    return [
        TrialGap(trial, fmean(train for train, _ in told), fmean(validation for _, validation in told))
        for trial in trials
        if (told := losses.get(trial.number))
    ]
