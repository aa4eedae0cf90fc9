"""How far each trial learned by heart: the gap between its losses, against its score."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from search.figures._style import BASELINE, CHOICE, FAINT, GUESS, styled
from search.records.wording import better, describe_configuration, show_value

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from search.records import StudyRecord, Trial


@dataclass(frozen=True)
class TrialGap:
    """A trial with its losses, without penalties, at the weights that were kept: means over its runs.

    Args:
        trial: A trial with a score.
        train_loss: On the rows that train.
        validation_loss: On the rows that score.
    """

    trial: Trial
    train_loss: float
    validation_loss: float

    @property
    def gap(self) -> float:
        """By how much the loss is higher on the rows that score."""
        return self.validation_loss - self.train_loss


def gap_figure(study: StudyRecord, gaps: Sequence[TrialGap], baseline: int | None, chosen: int) -> go.Figure:
    """A point a trial: to the right the gap, upwards the score.

    Args:
        study: The study.
        gaps: At least one.
        baseline: Number of the baseline's trial; None where it has no score.
        chosen: Number of the chosen one.
    """
    import plotly.graph_objects as go

    marked = {"baseline": (baseline, BASELINE, "square"), "chosen": (chosen, CHOICE, "star")}
    special = {number for number, *_ in marked.values()}
    figure = go.Figure()
    others = [each for each in gaps if each.trial.number not in special]
    figure.add_trace(_points(study, others, "trials", {"size": 7, "color": GUESS, "opacity": 0.6}))
    for name, (number, colour, symbol) in marked.items():
        shown = [each for each in gaps if each.trial.number == number]
        if shown:
            marker = {"size": 15, "color": colour, "symbol": symbol, "line": {"width": 1, "color": "white"}}
            figure.add_trace(_points(study, shown, f"{name}, trial {number}", marker))
    figure.add_vline(x=0, line={"color": FAINT, "dash": "dot"})
    figure.update_xaxes(title_text="gap: loss of rows that score less that of rows that train")
    figure.update_yaxes(title_text=f"{study.metric} ({better(study.direction)} is better)")
    return styled(
        figure, f"{study.name}: gap against score", "a point a trial; losses without penalties, where weights were kept"
    )


def _points(study: StudyRecord, gaps: Sequence[TrialGap], name: str, marker: dict[str, object]) -> go.Scatter:
    import plotly.graph_objects as go

    told = [
        f"trial {each.trial.number}: {describe_configuration(each.trial.configuration, study.facts)}"
        f"<br>loss {show_value(each.train_loss)} on rows that train"
        f"<br>loss {show_value(each.validation_loss)} on rows that score"
        for each in gaps
    ]
    return go.Scatter(
        x=[each.gap for each in gaps],
        y=[each.trial.score for each in gaps],
        mode="markers",
        name=name,
        marker=marker,
        text=told,
        hovertemplate="%{text}<br>gap %{x:.4g}, score %{y:.4g}<extra></extra>",
    )
