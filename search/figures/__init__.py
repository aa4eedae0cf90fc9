"""Plotly figures: records in, a figure out. Nothing here reads a database.

| module | what lives there |
|---|---|
| `curves` | learning curves of trials, side by side |
| `finalists` | what the confirmation found, finalist by finalist |
| `path` | one coefficient over its values, as glmnet draws it |
| `rendering` | a figure as a page of its own, or as JSON; the script that draws it |
| `tabulating` | its numbers as a table |
| `_style` | colours, fonts and axes that all share |
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from search.figures.curves import CurveSet, curves_figure
from search.figures.finalists import finalists_figure
from search.figures.path import path_figure
from search.figures.rendering import figure_html, figure_json, plotly_script
from search.figures.tabulating import figure_table

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

__all__ = [
    "CurveSet",
    "Figure",
    "curves_figure",
    "figure_html",
    "figure_json",
    "figure_table",
    "finalists_figure",
    "path_figure",
    "plotly_script",
]
