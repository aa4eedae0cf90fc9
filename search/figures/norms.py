"""How large the weights of each layer became: baseline against choice, with the finalists between them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING

from search.figures._style import BASELINE, CHOICE, GUESS, styled

if TYPE_CHECKING:
    import plotly.graph_objects as go


@dataclass(frozen=True)
class TrialNorms:
    """The weight norms of a trial's runs.

    Args:
        trial: Number of the trial.
        role: `baseline`, `chosen`, or empty.
        norms: Layer to the L2 norm of its kernel at the weights kept, run by run.
    """

    trial: int
    role: str
    norms: Sequence[Mapping[str, float]]


def norms_figure(study: str, trials: Sequence[TrialNorms]) -> go.Figure:
    """Norms layer by layer: the mean over a trial's runs, and the span from the lowest to the highest.

    Args:
        study: The study's name.
        trials: At least one, each with a run.
    """
    import plotly.graph_objects as go

    figure = go.Figure()
    looks = {"baseline": (BASELINE, "square", 13), "chosen": (CHOICE, "star", 15), "": (GUESS, "circle", 8)}
    has_legend = False
    for one in sorted(trials, key=lambda each: (each.role != "", each.trial)):
        colour, symbol, size = looks[one.role.partition(" ")[0]]
        layers = list(dict.fromkeys(layer for run in one.norms for layer in run))
        values = [[run[layer] for run in one.norms if layer in run] for layer in layers]
        means = [fmean(each) for each in values]
        figure.add_trace(
            go.Scatter(
                x=layers,
                y=means,
                mode="lines+markers" if len(layers) > 1 else "markers",
                name=f"{one.role}, trial {one.trial}" if one.role else "other finalists",
                legendgroup=one.role or "others",
                showlegend=bool(one.role) or not has_legend,
                line={"color": colour, "width": 2 if one.role else 1, "dash": "solid" if one.role else "dot"},
                marker={"color": colour, "symbol": symbol, "size": size},
                error_y={
                    "type": "data",
                    "symmetric": False,
                    "array": [max(each) - mean for each, mean in zip(values, means, strict=True)],
                    "arrayminus": [mean - min(each) for each, mean in zip(values, means, strict=True)],
                    "thickness": 1,
                    "visible": bool(one.role),
                },
                hovertemplate=f"trial {one.trial}, %{{x}}: %{{y:.4g}}<extra></extra>",
            )
        )
        has_legend |= not one.role
    figure.update_xaxes(title_text="layer", type="category")
    figure.update_yaxes(title_text="L2 norm of its kernel", rangemode="tozero")
    return styled(figure, f"{study}: weight norms", "mean over runs, and the span of all of them, at the weights kept")
