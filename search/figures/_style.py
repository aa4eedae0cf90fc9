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
RULE = "#444444"
FAINT = "#888888"
LAYERS = ("#0072B2", "#C08400", "#009E73", "#C8709F", "#3A9BD9", "#D55E00", "#8A7F00", "#000000")
"""As theirs, the lighter ones darkened: on white paper a line has a contrast of 3 at least (WCAG 2.2, 1.4.11)."""

NIGHT = {
    "#0072B2": "#4BA3DB",
    "#009E73": "#2EBE93",
    "#767676": "#9AA5B1",
    "#888888": "#9AA5B1",
    "#444444": "#B8C1CC",
    "#000000": "#E6EDF3",
}
"""What takes the place of colours that are faint on dark paper."""

_UNDER_AXIS = 58
"""Room that ticks and title of an axis take, in pixels; the legend stands below."""

_FONT_SIZE = 13
_TOP = 110
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
        font={"family": _FONT, "size": _FONT_SIZE},
        height=height,
        margin={"l": 70, "r": 30, "t": _TOP, "b": _UNDER_AXIS},
        hovermode="closest",
        legend={"orientation": "h", "yanchor": "top", "y": -_UNDER_AXIS / (height - _TOP - _UNDER_AXIS), "x": 0},
    )
    # No larger than the words around them: the titles of vertical axes are as long as these are.
    figure.update_xaxes(title_font_size=_FONT_SIZE)
    figure.update_yaxes(title_font_size=_FONT_SIZE)
    return figure


def see_through(colour: str, share: float) -> str:
    """A colour of which only so much covers."""
    red, green, blue = (int(colour[place : place + 2], 16) for place in (1, 3, 5))
    return f"rgba({red},{green},{blue},{share})"


def panel_label(trial: int, diagnosis: Diagnosis) -> str:
    """What a trial is called over its panel: `trial 0, baseline`, `trial 12, chosen`."""
    roles = [word for word, of in (("baseline", diagnosis.baseline), ("chosen", diagnosis.chosen)) if of == trial]
    return f"trial {trial}, {' and '.join(roles)}"
