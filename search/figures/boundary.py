"""What baseline and choice say of every place of a plane, where rows are two numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from search.figures._style import LAYERS, panel_label, see_through, styled

if TYPE_CHECKING:
    from collections.abc import Sequence

    import plotly.graph_objects as go

    from search.records import Boundary, Diagnosis, StudyRecord

_SYMBOLS = ("circle", "square", "diamond", "cross", "triangle-up", "x", "pentagon", "star")


def boundary_figure(study: StudyRecord, diagnosis: Diagnosis, boundary: Boundary) -> go.Figure:
    """The plane in the colour of the class that is most likely, the paler the less likely, with rows that train.

    Args:
        study: The study, of a classification.
        diagnosis: Which trials are which.
        boundary: Of rows with two numbers.
    """
    import plotly.graph_objects as go
    from plotly.subplots import make_subplots

    shown = list(boundary.classes)
    figure = make_subplots(
        1,
        len(shown),
        shared_xaxes=True,
        shared_yaxes=True,
        subplot_titles=[panel_label(trial, diagnosis) for trial in shown],
        horizontal_spacing=0.04,
    )
    classes = study.facts.classes
    for column, trial in enumerate(shown, start=1):
        for index, name in enumerate(classes):
            place = {"row": 1, "col": column}
            colour = LAYERS[index % len(LAYERS)]
            figure.add_trace(_plane(boundary, trial, index, colour), **place)
            rows = [(x, y) for x, y, of in boundary.rows if of == index]
            figure.add_trace(
                go.Scatter(
                    x=[x for x, _ in rows],
                    y=[y for _, y in rows],
                    mode="markers",
                    name=f"class {name}",
                    legendgroup=name,
                    showlegend=column == 1,
                    marker={
                        "color": colour,
                        "size": 7,
                        "symbol": _SYMBOLS[index % len(_SYMBOLS)],
                        "line": {"color": "white", "width": 1},
                    },
                ),
                **place,
            )
    first, second = boundary.names
    figure.update_xaxes(title_text=first)
    figure.update_yaxes(title_text=second, col=1)
    subtitle = "trained on all rows that are not sealed, as an export is; points are some of these rows"
    return styled(figure, f"{study.name}: decision boundary", subtitle, height=500)


def _plane(boundary: Boundary, trial: int, index: int, colour: str) -> Any:
    """The places at which one class is the most likely."""
    import plotly.graph_objects as go

    pairs = zip(boundary.classes[trial], boundary.shares[trial], strict=True)
    return go.Heatmap(
        z=[_of_class(classes, shares, index) for classes, shares in pairs],
        x=boundary.x,
        y=boundary.y,
        zmin=0,
        zmax=1,
        colorscale=[[0, see_through(colour, 0.0)], [0.4, see_through(colour, 0.05)], [1, see_through(colour, 0.55)]],
        showscale=False,
        hoverongaps=False,
        hovertemplate="%{z:.0%}<extra></extra>",
    )


def _of_class(classes: Sequence[int], shares: Sequence[float], index: int) -> list[float | None]:
    return [share if of == index else None for of, share in zip(classes, shares, strict=True)]
