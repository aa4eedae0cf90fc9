"""Figures of a study, drawn from what the storage holds: each kind is one module and one line in `KINDS`.

| module | what lives there |
|---|---|
| `gathering` | `Plotted`: what any of them is drawn from |
| `_diagnosed` | what a study found out of rows |
| all others | one kind each: `draw`, which gathers records for a figure of `search.figures` |

How a figure looks lives in `search.figures`. Nothing is imported here before something is drawn: the command line
lists the kinds in its help.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from search.figures import Figure
    from search.reporting.plots.gathering import Plotted
    from search.storage import Storage

KINDS: Mapping[str, str] = {
    "curves": "losses of baseline and choice, epoch by epoch",
    "finalists": "what the confirmation found",
    "path": "what `regsearch path` found",
    "importance": "how much of the scores each name of [space] explains",
    "confusion": "which classes baseline and choice confuse",
    "residuals": "what they predict of numbers against what these are",
    "boundary": "what they say of a plane, where rows are two numbers",
    "gap": "how far each trial learned by heart, against its score",
    "norms": "weight norms by layer, of baseline and choice",
    "optimism": "what the search promised, against what was confirmed",
}
"""What a figure shows, by the name of its kind, which is that of its module."""


def draw(storage: Storage, name: str, kind: str, over: str | None = None) -> Figure:
    """A figure of a study.

    Args:
        storage: An open database.
        name: The study.
        kind: One of `KINDS`.
        over: Of a path, the name that is swept.

    Raises:
        UnknownStudyError: There is no such study.
        UsageError: What is to be drawn is not known yet; it says which command finds it out.
        StudyFailedError: No trial of the study has a score.
    """
    from search.reporting.plots.gathering import gather_plotted

    return draw_kind(gather_plotted(storage, storage.study(name)), kind, over)


def draw_kind(plotted: Plotted, kind: str, over: str | None = None) -> Figure:
    """One of the figures that are drawn from the same records; arguments and errors as in `draw`."""
    figure: Figure = importlib.import_module(f"{__name__}.{kind}").draw(plotted, over)
    return figure
