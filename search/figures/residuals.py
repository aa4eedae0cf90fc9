"""How far off numbers are that baseline and choice predict."""

from __future__ import annotations

from typing import TYPE_CHECKING

from search.figures._style import BASELINE, CHOICE, GUESS, panel_label, styled

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from search.records import Diagnosis, StudyRecord


def residuals_figure(study: StudyRecord, diagnosis: Diagnosis) -> go.Figure:
    """What was predicted of rows against what they are: baseline and choice side by side, a line of panels a target.

    Args:
        study: The study, of a regression.
        diagnosis: With its pairs.
    """
    import plotly.graph_objects as go
    from plotly.subplots import make_subplots

    shown = list(diagnosis.pairs.items())
    n_targets = len(shown[0][1])
    figure = make_subplots(
        n_targets,
        len(shown),
        shared_xaxes=True,
        shared_yaxes="rows",
        subplot_titles=[panel_label(trial, diagnosis) for trial, _ in shown],
        horizontal_spacing=0.04,
        vertical_spacing=0.08,
    )
    for target in range(n_targets):
        told = [value for _, targets in shown for value, _ in targets[target]]
        ends = [min(told, default=0.0), max(told, default=0.0)]
        for column, (trial, targets) in enumerate(shown, start=1):
            place = {"row": target + 1, "col": column}
            figure.add_trace(
                go.Scatter(x=ends, y=ends, mode="lines", line={"color": GUESS}, hoverinfo="skip", showlegend=False),
                **place,
            )
            figure.add_trace(
                go.Scatter(
                    x=[value for value, _ in targets[target]],
                    y=[found for _, found in targets[target]],
                    mode="markers",
                    marker={
                        "color": CHOICE if trial == diagnosis.chosen else BASELINE,
                        "size": 6,
                        "opacity": 0.55,
                    },
                    name=panel_label(trial, diagnosis),
                    showlegend=False,
                ),
                **place,
            )
        words = "predicted" if n_targets == 1 else f"predicted, target {target + 1}"
        figure.update_yaxes(title_text=words, row=target + 1, col=1)
    figure.update_xaxes(title_text="true", row=n_targets)
    where = "fresh divisions of the rows" if diagnosis.is_confirmed else "the rows that score"
    subtitle = f"each point a row of {where}, predicted by a run that did not train it; the line is no error"
    return styled(figure, f"{study.name}: residuals", subtitle, height=200 + 300 * n_targets)
