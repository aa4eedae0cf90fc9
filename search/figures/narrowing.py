"""A figure for a narrow screen: panels one below another, short labels, long titles of axes in several lines."""

from __future__ import annotations

import textwrap
from collections import defaultdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    import plotly.graph_objects as go

_LETTERS_A_LINE, _LEAST_LETTERS = 34, 14
"""Of the title of an axis."""
_LETTERS_ACROSS = 42
"""Of a label and the title of the axis that it leaves room for."""
_PANEL, _BETWEEN, _AROUND = 230.0, 84.0, 230
"""Height of a panel, and of what lies between two of them and around all, in pixels."""


def narrowed(figure: go.Figure) -> go.Figure:
    """The same traces in a layout that some 350 pixels are wide enough for."""
    import plotly.graph_objects as go

    narrow = go.Figure(figure)
    columns = _columns(narrow)
    if len(columns) > 1:
        _stack(narrow, columns)
    longest = _shorten_labels(narrow)
    width = max(_LEAST_LETTERS, min(_LETTERS_A_LINE, _LETTERS_ACROSS - longest))
    narrow.for_each_xaxis(lambda axis: _wrap_title(axis, width))
    return narrow


def _columns(figure: go.Figure) -> list[list[tuple[str, str]]]:
    """The panels, as names of their axes, column by column from the left, each from its top."""
    panels = dict.fromkeys((trace.xaxis or "x", trace.yaxis or "y") for trace in figure.data)
    by_place = defaultdict[float, list[tuple[str, str]]](list)
    for x, y in panels:
        axis = _axis(figure, x)
        if axis.overlaying in (None, "free") and axis.side != "top":
            by_place[(axis.domain or (0.0, 1.0))[0]].append((x, y))
    return [
        sorted(column, key=lambda panel: -(_axis(figure, panel[1]).domain or (0.0, 1.0))[0])
        for _, column in sorted(by_place.items())
    ]


def _axis(figure: go.Figure, name: str) -> Any:
    """What the layout says of an axis that traces call `x2`."""
    return figure.layout[f"{name[0]}axis{name[1:]}"]


def _stack(figure: go.Figure, columns: Sequence[Sequence[tuple[str, str]]]) -> None:
    """Put the columns one below another; each panel has the titles of its row and of its column."""
    n_panels = sum(map(len, columns))
    height = n_panels * _PANEL + (n_panels - 1) * _BETWEEN
    titles = [note for note in figure.layout.annotations if note.xref == "paper" and note.yref == "paper"]
    top = height
    for number, column in enumerate(columns):
        if number < len(titles):
            titles[number].update(x=0.5, y=top / height)
        for row, (x, y) in enumerate(column):
            of_row, of_column = columns[0][row][1], column[-1][0]
            _axis(figure, x).update(
                domain=(0.0, 1.0), showticklabels=True, title_text=_axis(figure, of_column).title.text
            )
            _axis(figure, y).update(
                domain=(max(0.0, (top - _PANEL) / height), min(1.0, top / height)),
                showticklabels=True,
                title_text=_axis(figure, of_row).title.text,
            )
            top -= _PANEL + _BETWEEN
    figure.update_layout(height=round(height) + _AROUND)


def _wrap_title(axis: Any, width: int) -> None:
    if axis.title.text:
        axis.title.text = "<br>".join(textwrap.wrap(axis.title.text, width))


def _shorten_labels(figure: go.Figure) -> int:
    """Of labels with several lines, leave the first alone; the letters of the longest."""
    longest = 0
    for name in dict.fromkeys(trace.yaxis or "y" for trace in figure.data):
        traces = [trace for trace in figure.data if (trace.yaxis or "y") == name and trace.y is not None]
        labels = list(dict.fromkeys(each for trace in traces for each in trace.y if isinstance(each, str)))
        firsts = [label.partition("<br>")[0] for label in labels]
        longest = max([longest, *(len(first.removeprefix("<b>").removesuffix("</b>")) for first in firsts)])
        if firsts != labels:
            _axis(figure, name).update(tickvals=labels, ticktext=firsts)
    return longest
