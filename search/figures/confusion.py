"""Which classes baseline and choice confuse."""

from __future__ import annotations

from typing import TYPE_CHECKING

from search.figures._style import panel_label, styled

if TYPE_CHECKING:
    from collections.abc import Sequence

    import plotly.graph_objects as go

    from search.records import Diagnosis, StudyRecord

_MOST_NUMBERS = 15
"""Classes up to which each cell has its number on it."""


def confusion_figure(study: StudyRecord, diagnosis: Diagnosis) -> go.Figure:
    """Confusion matrices side by side: a line a true class, a column a predicted one.

    Colours are shares of a line, so that rare classes are seen as well; numbers are rows.

    Args:
        study: The study, of a classification.
        diagnosis: With its confusions.
    """
    import plotly.graph_objects as go
    from plotly.subplots import make_subplots

    shown = list(diagnosis.confusions.items())
    classes = list(study.facts.classes)
    titles = [panel_label(trial, diagnosis) for trial, _ in shown]
    figure = make_subplots(1, len(shown), shared_yaxes=True, subplot_titles=titles, horizontal_spacing=0.06)
    for column, (trial, counts) in enumerate(shown, start=1):
        figure.add_trace(
            go.Heatmap(
                z=[_shares(line) for line in counts],
                x=classes,
                y=classes,
                customdata=counts,
                text=[[_number(count) for count in line] for line in counts] if len(classes) <= _MOST_NUMBERS else None,
                texttemplate="%{text}",
                hovertemplate="true %{y}, predicted %{x}: %{customdata:,.5~g} rows, %{z:.1%} of %{y}<extra></extra>",
                colorscale="Blues",
                zmin=0,
                zmax=1,
                showscale=column == len(shown),
                colorbar={"title": {"text": "share of class"}, "tickformat": ".0%"},
                name=panel_label(trial, diagnosis),
            ),
            row=1,
            col=column,
        )
    figure.update_xaxes(title_text="predicted class", type="category", constrain="domain")
    figure.update_yaxes(type="category", autorange="reversed")
    figure.update_yaxes(title_text="true class", col=1)
    where = "fresh divisions of the rows" if diagnosis.is_confirmed else "the rows that score"
    passes = "" if diagnosis.n_passes < 1.5 else f", means over {diagnosis.n_passes:.3g} predictions of each"
    return styled(figure, f"{study.name}: confusions", f"rows of {where}{passes}", height=460)


def _shares(counts: Sequence[float]) -> list[float]:
    total = sum(counts)
    return [count / total if total else 0.0 for count in counts]


def _number(count: float) -> str:
    return f"{count:,.0f}" if count >= 10 or count == int(count) else f"{count:.1f}"
