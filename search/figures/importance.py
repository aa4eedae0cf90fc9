"""How much of the scores each name of [space] explains."""

from __future__ import annotations

from typing import TYPE_CHECKING

from search.figures._style import CHOICE, styled

if TYPE_CHECKING:
    from collections.abc import Mapping

    import plotly.graph_objects as go

_MOST_NAMES = 20


def importance_figure(study: str, shares: Mapping[str, float], n_trials: int) -> go.Figure:
    """A bar a name, the most important first.

    Args:
        study: The study's name.
        shares: Name to its share of what all explain, the largest first; those after the twentieth are left out.
        n_trials: Trials that they come from.
    """
    import plotly.graph_objects as go

    shown = list(shares.items())[:_MOST_NAMES]
    figure = go.Figure(
        go.Bar(
            x=[share for _, share in shown],
            y=[name for name, _ in shown],
            orientation="h",
            name="importance",
            showlegend=False,
            marker={"color": CHOICE},
            text=[f"{share:.0%}" for _, share in shown],
            textposition="outside",
            cliponaxis=False,
        )
    )
    figure.update_xaxes(title_text="share of what all names explain", tickformat=".0%", rangemode="tozero")
    figure.update_yaxes(autorange="reversed", automargin=True, title_text="name")
    subtitle = f"what tells the better of {n_trials} trials from all (PED-ANOVA)"
    return styled(figure, f"{study}: importance", subtitle, height=220 + 34 * len(shown))
