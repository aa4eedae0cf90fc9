"""What the confirmation found, finalist by finalist."""

from __future__ import annotations

from typing import TYPE_CHECKING

from search.errors import Problem, UsageError
from search.figures import finalists_figure

if TYPE_CHECKING:
    from search.figures import Figure
    from search.records import Verdict
    from search.reporting.plots.gathering import Plotted


def draw(plotted: Plotted, over: str | None = None) -> Figure:
    """Gains over the baseline, in the search and on fresh divisions.

    Raises:
        UsageError: Nothing is confirmed.
    """
    verdict = confirmed_verdict(plotted)
    return finalists_figure(plotted.study, verdict, {trial.number: trial.configuration for trial in plotted.trials})


def confirmed_verdict(plotted: Plotted) -> Verdict:
    """The verdict on a study.

    Raises:
        UsageError: There is none.
    """
    verdict, name = plotted.choice.verdict, plotted.study.name
    if verdict is None:
        remedy = f"`regsearch run` goes on with {name}; with confirm.finalists = 0 it never has any."
        raise UsageError(Problem(name, "expected a study whose finalists are confirmed, received none", remedy))
    return verdict
