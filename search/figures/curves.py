"""Learning curves: the loss of the rows that train and of those that score, epoch by epoch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Any

from search.figures._style import CHOICE, FAINT, TRAIN, see_through, styled

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from search.records import Curve

_MOST_POINTS = 400
"""Of a line: more are not seen."""


@dataclass(frozen=True)
class CurveSet:
    """The curves of one trial.

    Args:
        label: What the trial is called: `baseline`, `trial 12, chosen`.
        curves: Of its runs.
        best_epochs: The epoch of each run whose weights were kept; 0 where none was.
    """

    label: str
    curves: Sequence[Curve]
    best_epochs: Sequence[int]


def curves_figure(study: str, sets: Sequence[CurveSet]) -> go.Figure:
    """Curves of some trials side by side, on one scale: means over runs, and the span from the lowest to the highest.

    Losses are without penalties. That of the rows that train is the mean over an epoch's batches as they were met, with
    dropout and noise; where early stopping has ended most of a trial's runs, its lines end.

    Args:
        study: The study's name.
        sets: At least one.
    """
    from plotly.subplots import make_subplots

    figure = make_subplots(1, len(sets), shared_yaxes=True, subplot_titles=[one.label for one in sets])
    for column, one in enumerate(sets, start=1):
        first = column == 1
        _add_loss(figure, column, [curve.train_loss for curve in one.curves], "rows that train", TRAIN, shown=first)
        _add_loss(
            figure, column, [curve.validation_loss for curve in one.curves], "rows that score", CHOICE, shown=first
        )
        _add_kept(figure, column, one)
    figure.update_xaxes(title_text="epoch")
    figure.update_yaxes(title_text="loss without penalties", col=1)
    return styled(figure, f"{study}: learning curves", "mean over runs, and the span of all of them")


def _add_kept(figure: go.Figure, column: int, one: CurveSet) -> None:
    """Where the weights were kept, in the median over runs, unless that is where they ended."""
    pairs = [(epoch, curve.n_epochs) for epoch, curve in zip(one.best_epochs, one.curves, strict=True) if epoch]
    if any(epoch < n_epochs for epoch, n_epochs in pairs):
        figure.add_vline(
            x=median(epoch for epoch, _ in pairs),
            row=1,
            col=column,
            line={"dash": "dot", "color": FAINT},
            annotation_text="weights kept",
        )


def _add_loss(figure: go.Figure, column: int, losses: Sequence[Any], name: str, colour: str, *, shown: bool) -> None:
    import plotly.graph_objects as go

    epochs, means, lowest, highest = _summary(losses)
    place = {"row": 1, "col": column}
    span = {"mode": "lines", "line": {"width": 0}, "hoverinfo": "skip", "showlegend": False}
    figure.add_trace(go.Scatter(x=epochs, y=highest, **span), **place)
    figure.add_trace(
        go.Scatter(x=epochs, y=lowest, fill="tonexty", fillcolor=see_through(colour, 0.15), **span), **place
    )
    line = {"color": colour, "width": 2}
    figure.add_trace(go.Scatter(x=epochs, y=means, name=name, line=line, showlegend=shown, legendgroup=name), **place)


def _summary(losses: Sequence[Any]) -> tuple[list[int], list[float], list[float], list[float]]:
    """Epochs, counted from 1, and mean, lowest and highest of the runs that are still there: at least half of them."""
    lengths = sorted((len(loss) for loss in losses), reverse=True)
    n_epochs = lengths[(len(lengths) - 1) // 2] if lengths else 0
    step = max(1, math.ceil(n_epochs / _MOST_POINTS))
    epochs = list(range(0, n_epochs, step))
    at = [
        [float(loss[epoch]) for loss in losses if epoch < len(loss) and math.isfinite(loss[epoch])] for epoch in epochs
    ]
    kept = [(epoch + 1, values) for epoch, values in zip(epochs, at, strict=True) if values]
    return (
        [epoch for epoch, _ in kept],
        [sum(values) / len(values) for _, values in kept],
        [min(values) for _, values in kept],
        [max(values) for _, values in kept],
    )
