"""Plotly figures: records in, a figure out. Nothing here reads a database.

| module | what lives there |
|---|---|
| `boundary` | what two models say of a plane |
| `comparison` | by how much finalists of several studies beat their baselines |
| `confusion` | which classes two models confuse |
| `curves` | learning curves of trials, side by side |
| `finalists` | what the confirmation found, finalist by finalist |
| `gap` | how far trials learned by heart, against their scores |
| `importance` | how much of the scores each name explains |
| `norms` | weight norms by layer |
| `optimism` | scores in the search against confirmed ones |
| `path` | one coefficient over its values, as glmnet draws it |
| `residuals` | predictions of numbers against what rows are |
| `narrowing` | a figure for a narrow screen |
| `rendering` | a figure as a page of its own, or as JSON; what any page needs that shows figures |
| `svg` | a figure as SVG, for pages without scripts |
| `tabulating` | its numbers as a table |
| `_style` | colours, fonts and axes that all share |
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from search.figures.boundary import boundary_figure
from search.figures.comparison import Gain, comparison_figure
from search.figures.confusion import confusion_figure
from search.figures.curves import CurveSet, curves_figure
from search.figures.finalists import finalists_figure
from search.figures.gap import TrialGap, gap_figure
from search.figures.importance import importance_figure
from search.figures.narrowing import narrowed
from search.figures.norms import TrialNorms, norms_figure
from search.figures.optimism import optimism_figure
from search.figures.path import path_figure
from search.figures.rendering import (
    Raw,
    Scripts,
    figure_html,
    figure_json,
    page_colours,
    page_scripts,
    warm_up,
)
from search.figures.residuals import residuals_figure
from search.figures.svg import figure_svg
from search.figures.tabulating import figure_table

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

__all__ = [
    "CurveSet",
    "Figure",
    "Gain",
    "Raw",
    "Scripts",
    "TrialGap",
    "TrialNorms",
    "boundary_figure",
    "comparison_figure",
    "confusion_figure",
    "curves_figure",
    "figure_html",
    "figure_json",
    "figure_svg",
    "figure_table",
    "finalists_figure",
    "gap_figure",
    "importance_figure",
    "narrowed",
    "norms_figure",
    "optimism_figure",
    "page_colours",
    "page_scripts",
    "path_figure",
    "residuals_figure",
    "warm_up",
]
