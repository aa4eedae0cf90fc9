"""The numbers of a figure as a table, for whoever cannot see it or wants to know exactly."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import plotly.graph_objects as go

_MOST_POINTS = 25
"""Of a line; of more, as many are told, evenly spread, the last one among them."""

Table = tuple[list[str], list[list[object]]]


def figure_table(figure: go.Figure) -> Table:
    """Headers and rows: a point of a line each, with the ends of its error bar where it has one."""
    planes = [trace for trace in figure.data if trace.type == "heatmap" and trace.name]
    if planes:
        return _cells(figure, planes)
    panels = _panels(figure)
    traces = [trace for trace in figure.data if trace.name and trace.x is not None]
    x_title, y_title = (_title(figure, axis) for axis in ("xaxis", "yaxis"))
    headers = [*(["panel"] if len(panels) > 1 else []), "line", x_title or "x", y_title or "y"]
    has_errors = any(_ends(trace, 0) for trace in traces)
    rows = [
        [
            *([panels.get(trace.xaxis or "x", "")] if len(panels) > 1 else []),
            str(trace.name),
            *point,
            *(_ends(trace, index) or (None, None) if has_errors else ()),
        ]
        for trace in traces
        for index, point in _points(trace)
    ]
    return [*headers, *(["from", "to"] if has_errors else [])], rows


def _cells(figure: go.Figure, planes: Sequence[Any]) -> Table:
    """A line a row of cells, with what each cell tells: its own number, or the one that gives it its colour."""
    headers = ["panel", f"{_title(figure, 'yaxis')} \\ {_title(figure, 'xaxis')}", *map(str, planes[0].x)]
    rows = [
        [str(plane.name), str(name), *map(_plain, values)]
        for plane in planes
        for name, values in zip(plane.y, plane.z if plane.customdata is None else plane.customdata, strict=True)
    ]
    return headers, rows


def _points(trace: Any) -> list[tuple[int, tuple[object, object]]]:
    count = len(trace.x)
    most = min(count, _MOST_POINTS)
    places = [-(-number * count // most) - 1 for number in range(1, most + 1)]
    return [(place, (_plain(trace.x[place]), _plain(trace.y[place]))) for place in places]


def _ends(trace: Any, index: int) -> tuple[object, object] | None:
    """The ends of a point's error bar."""
    for axis, values in (("x", trace.x), ("y", trace.y)):
        error: Any = getattr(trace, f"error_{axis}", None)
        if error is not None and error.array is not None and index < len(error.array):
            below: Sequence[float] = error.array if error.arrayminus is None else error.arrayminus
            return _plain(values[index] - below[index]), _plain(values[index] + error.array[index])
    return None


def _panels(figure: go.Figure) -> dict[str, str]:
    """The titles of a figure's panels, by the axis that each has; one panel has none."""
    axes = sorted({trace.xaxis or "x" for trace in figure.data}, key=lambda axis: int(axis[1:] or 1))
    titles = [str(note.text) for note in figure.layout.annotations if note.xref == "paper" and note.yref == "paper"]
    return dict(zip(axes, titles, strict=False)) if len(titles) >= len(axes) else {axes[0]: ""} if axes else {}


def _title(figure: go.Figure, axis: str) -> str:
    return str(figure.layout[axis].title.text or "")


def _plain(value: Any) -> object:
    number = value.item() if hasattr(value, "item") else value
    return None if isinstance(number, float) and not math.isfinite(number) else number
