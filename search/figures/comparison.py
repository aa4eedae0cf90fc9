"""By how much the finalists of several studies beat their baselines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from search.figures._style import CHOICE, GUESS, styled

if TYPE_CHECKING:
    import plotly.graph_objects as go


@dataclass(frozen=True)
class Gain:
    """What a study came to.

    Args:
        study: Its name.
        answer: Its verdict in a word.
        gain: By how much the candidate beats the baseline; positive is better.
        low: The low end of its interval; None where there is none.
        high: The high end.
    """

    study: str
    answer: str
    gain: float
    low: float | None
    high: float | None


def comparison_figure(gains: Sequence[Gain], metric: str, data: str) -> go.Figure:
    """Gains with their intervals, a line a study, of studies with one metric on the same data.

    Args:
        gains: Of the studies, in their order.
        metric: Of all of them.
        data: What they have in common, in words.
    """
    import plotly.graph_objects as go

    known = [
        (each.gain if each.low is None else each.low, each.gain if each.high is None else each.high) for each in gains
    ]
    figure = go.Figure(
        go.Scatter(
            x=[each.gain for each in gains],
            y=[f"<b>{each.study}</b><br>{each.answer}" for each in gains],
            mode="markers",
            name="gain over the baseline",
            showlegend=False,
            marker={"size": 11, "color": CHOICE},
            error_x={
                "type": "data",
                "symmetric": False,
                "array": [high - each.gain for each, (_, high) in zip(gains, known, strict=True)],
                "arrayminus": [each.gain - low for each, (low, _) in zip(gains, known, strict=True)],
            },
        )
    )
    figure.add_vline(x=0, line={"color": GUESS}, annotation_text="the baseline", annotation_position="top")
    figure.update_xaxes(title_text=f"gain in {metric} (right is better)")
    figure.update_yaxes(autorange="reversed", automargin=True)
    subtitle = "of the candidate over the baseline, by the labels of the rows; a verdict weighs expected scores, too"
    return styled(figure, f"Gains in {metric} on {data}", subtitle, height=240 + 56 * len(gains))
