"""Colours, fonts and axes that all figures share."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from search.records import Diagnosis

# Okabe and Ito 2008: told apart by colour-blind people too.
CHOICE = "#0072B2"
BASELINE = "#D55E00"
GUESS = "#767676"
TRAIN = "#009E73"
LAYERS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#000000")

_FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"


def styled(figure: go.Figure, title: str, subtitle: str = "", *, height: int = 480) -> go.Figure:
    """The figure with a title and the look that all have."""
    figure.update_layout(
        template="plotly_white",
        title={
            "text": title,
            "subtitle": {"text": subtitle},
            "x": 0,
            "xref": "container",
            "xanchor": "left",
            "pad": {"l": 16},
        },
        font={"family": _FONT, "size": 13},
        height=height,
        margin={"l": 70, "r": 30, "t": 110, "b": 60},
        hovermode="closest",
        legend={"orientation": "h", "yanchor": "top", "y": -0.14, "x": 0},
    )
    return figure


def see_through(colour: str, share: float) -> str:
    """A colour of which only so much covers."""
    red, green, blue = (int(colour[place : place + 2], 16) for place in (1, 3, 5))
    return f"rgba({red},{green},{blue},{share})"


def panel_label(trial: int, diagnosis: Diagnosis) -> str:
    """What a trial is called over its panel: `trial 0, baseline`, `trial 12, chosen`."""
    roles = [word for word, of in (("baseline", diagnosis.baseline), ("chosen", diagnosis.chosen)) if of == trial]
    return f"trial {trial}, {' and '.join(roles)}"
