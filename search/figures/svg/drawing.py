"""`figure_svg`: the whole figure, panel by panel, with its legend."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from search.figures.svg.axes import Axis, find_range, to_number
from search.figures.svg.colours import painted
from search.figures.svg.marks import check_kind, colour_of, draw_trace, marker
from search.figures.svg.words import width_of, words

if TYPE_CHECKING:
    import plotly.graph_objects as go

_LEFT, _RIGHT, _TOP, _BOTTOM = 64.0, 20.0, 34.0, 52.0
"""Room for ticks and titles, in pixels."""
_TOP_AXIS = 30.0
_LINE_OF_LEGEND = 22.0
_LINE_OF_TITLE = 14.4
_TEXT_OF_BAR = 14.0
"""More room on the right, for what stands at the end of a bar."""
_LINE = "var(--line,#d0d7de)"


@dataclass(frozen=True)
class _Panel:
    """Two axes that cross.

    Args:
        x_name: The horizontal one, as traces name it: `x`, `x2`.
        y_name: The vertical one.
        traces: What is drawn there, in order.
    """

    x_name: str
    y_name: str
    traces: tuple[Any, ...]


def figure_svg(figure: go.Figure, *, width: float = 900, label: str = "", is_file: bool = False) -> str:
    """A figure as one `<svg>` element, without its title.

    It takes the page's own ink, and the page's variables `--line` and `--paper` where it has them.

    Args:
        figure: One of ours.
        width: In pixels; the page may stretch it.
        label: What it shows, for who cannot see it.
        is_file: Whether it is a file of its own, dark on white, and no part of a page.

    Raises:
        ValueError: It has a trace of a kind that none of our figures has.
    """
    height = float(figure.layout.height or 480) - 70
    panels = _panels(figure)
    box = _box(figure, panels, width, height)
    axes = _axes(figure, panels, box)
    parts = [
        *(part for panel in panels for part in _frame(figure, panel, axes)),
        *(part for panel in panels for part in _drawn(panel, axes)),
        *_shapes(figure, axes),
        *_annotations(figure, axes, box),
        *_legend(figure, box[0], height, width),
    ]
    opening = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" width="100%" role="img" '
        f'font-family="system-ui, sans-serif" style="max-width:{width:g}px{";color:#1b1f24;background:#fff" * is_file}"'
    )
    named = words_escaped(label)
    return f'{opening} aria-label="{named}">{"".join(parts)}</svg>'


def words_escaped(text: str) -> str:
    """A text as the value of an attribute."""
    import html

    return html.escape(text, quote=True)


def _panels(figure: go.Figure) -> list[_Panel]:
    found: dict[tuple[str, str], list[Any]] = {}
    for trace in figure.data:
        check_kind(trace)
        found.setdefault((trace.xaxis or "x", trace.yaxis or "y"), []).append(trace)
    return [_Panel(x, y, tuple(traces)) for (x, y), traces in found.items()]


def _box(figure: go.Figure, panels: Sequence[_Panel], width: float, height: float) -> tuple[float, float, float, float]:
    """Left, right, top and bottom of all panels together."""
    categories = [text for panel in panels for text in _labels(figure, panel)]
    left = max(_LEFT, 16 + max((width_of(text) for text in categories), default=0.0) + 20)
    lines = _LINE_OF_LEGEND * len(_legend_lines(figure, left, width)[1])
    has_top = any(_layout(figure, panel.x_name).side == "top" for panel in panels)
    is_bar = any(_is_bar(panel.traces, "x") for panel in panels)
    right = width - _RIGHT - (_TEXT_OF_BAR if is_bar else 0)
    titles = max(str(_layout(figure, panel.x_name).title.text or "").count("<br>") for panel in panels)
    bottom = height - _BOTTOM - _LINE_OF_TITLE * titles - lines
    return left, right, _TOP + (_TOP_AXIS if has_top else 0), bottom


def _labels(figure: go.Figure, panel: _Panel) -> list[str]:
    """What categories of the vertical axis are called."""
    told = _layout(figure, panel.y_name)
    categories = [str(value) for trace in panel.traces for value in _categories(trace, "y")]
    return categories if told.ticktext is None else [str(text) for text in told.ticktext]


def _layout(figure: go.Figure, name: str) -> Any:
    """What the layout says of an axis that traces call `x2`."""
    return figure.layout[f"{name[0]}axis{name[1:]}"]


def _axes(figure: go.Figure, panels: Sequence[_Panel], box: tuple[float, float, float, float]) -> dict[str, Axis]:
    left, right, top, bottom = box
    axes = {}
    for name in dict.fromkeys(name for panel in panels for name in (panel.x_name, panel.y_name)):
        told = _layout(figure, name)
        of_overlaid = _layout(figure, told.overlaying) if told.overlaying not in (None, "free") else told
        low_share, high_share = of_overlaid.domain or (0.0, 1.0)
        start, end = (left, right) if name[0] == "x" else (bottom, top)
        ends = start + low_share * (end - start), start + high_share * (end - start)
        axes[name] = _axis(figure, panels, name, ends)
    return axes


def _axis(figure: go.Figure, panels: Sequence[_Panel], name: str, ends: tuple[float, float]) -> Axis:
    told, direction = _layout(figure, name), name[0]
    group = _matching(figure, panels, name)
    traces = [trace for panel in panels for trace in panel.traces if {panel.x_name, panel.y_name} & group]
    categories = tuple(dict.fromkeys(str(value) for trace in traces for value in _categories(trace, direction)))
    is_log = told.type == "log"
    given = told.tickvals
    ticks = None if given is None else tuple(zip(given, map(str, told.ticktext), strict=True))
    if categories:
        low, high = -0.5, len(categories) - 0.5
    else:
        numbers = [to_number(value, is_log=is_log) for trace in traces for value in _values(trace, direction)]
        numbers += [to_number(value, is_log=is_log) for value in _shape_values(figure, name)]
        low, high = find_range(numbers, to_zero=told.rangemode == "tozero" or _is_bar(traces, direction))
    if told.autorange == "reversed":
        low, high = high, low
    return Axis(*ends, low, high, is_log, categories, str(told.tickformat or ""), ticks)


def _matching(figure: go.Figure, panels: Sequence[_Panel], name: str) -> set[str]:
    """The axes that have the same ends."""
    names = {each for panel in panels for each in (panel.x_name, panel.y_name) if each[0] == name[0]}
    leader = _layout(figure, name).matches or name
    return {each for each in names if each == leader or (_layout(figure, each).matches or each) == leader} | {name}


def _categories(trace: Any, direction: str) -> list[Any]:
    values = trace[direction]
    return [] if values is None else [value for value in values if isinstance(value, str)]


def _values(trace: Any, direction: str) -> Iterator[Any]:
    values = trace[direction]
    if values is None:
        return
    yield from values
    error = trace[f"error_{direction}"] if trace.type == "scatter" else None
    if error is not None and error.array is not None:
        below = error.array if error.arrayminus is None else error.arrayminus
        for value, less, more in zip(values, below, error.array, strict=True):
            if value is not None:
                yield value - less
                yield value + more


def _shape_values(figure: go.Figure, name: str) -> Iterator[Any]:
    """Where straight lines lie that are to be seen."""
    direction = name[0]
    for shape in figure.layout.shapes:
        if shape[f"{direction}ref"] == name:
            yield shape[f"{direction}0"]


def _is_bar(traces: Sequence[Any], direction: str) -> bool:
    return direction == "x" and any(trace.type == "bar" for trace in traces)


def _frame(figure: go.Figure, panel: _Panel, axes: dict[str, Axis]) -> Iterator[str]:
    """Grid, ticks and titles of a panel."""
    x, y = axes[panel.x_name], axes[panel.y_name]
    across, down = _layout(figure, panel.x_name), _layout(figure, panel.y_name)
    is_plane = any(trace.type == "heatmap" for trace in panel.traces)
    middle = (x.start + x.end) / 2
    if across.side == "top":
        yield from (words(text, place, y.end - 6, anchor="middle", size=11) for place, text in _apart(x.ticks))
        yield words(str(across.title.text or ""), middle, y.end - 22, anchor="middle")
        return
    if not is_plane:
        grid = "".join(f"M{place:.1f} {y.start:.1f}V{y.end:.1f}" for place, _ in x.ticks)
        grid += "".join(f"M{x.start:.1f} {place:.1f}H{x.end:.1f}" for place, _ in y.ticks)
        yield f'<path d="{grid}" fill="none" stroke="{_LINE}"/>'
    if across.showticklabels is not False:
        turned = _are_crowded(x)
        for place, text in x.ticks:
            yield words(
                text,
                place + (4 if turned else 0),
                y.start + (8 if turned else 16),
                anchor="end" if turned else "middle",
                size=11,
                turned=turned,
            )
    if across.title.text:
        yield words(str(across.title.text), middle, y.start + 36, anchor="middle")
    if down.showticklabels is not False:
        for place, text in y.ticks:
            yield words(text, x.start - 6, place + 4 - 6.6 * text.count("<br>"), anchor="end", size=11)
    if down.title.text:
        yield words(str(down.title.text), 14, (y.start + y.end) / 2, anchor="middle", turned=True)


def _apart(ticks: Sequence[tuple[float, str]]) -> list[tuple[float, str]]:
    """The ticks whose texts do not run into the one before."""
    shown: list[tuple[float, str]] = []
    for place, text in sorted(ticks):
        if not shown or place - shown[-1][0] > (width_of(text, 11) + width_of(shown[-1][1], 11)) / 2 + 4:
            shown.append((place, text))
    return shown


def _are_crowded(axis: Axis) -> bool:
    """Whether texts of ticks would run into one another."""
    return sum(width_of(text, 11) + 6 for _, text in axis.ticks) > abs(axis.end - axis.start)


def _drawn(panel: _Panel, axes: dict[str, Axis]) -> Iterator[str]:
    previous = None
    for trace in panel.traces:
        yield draw_trace(trace, axes[panel.x_name], axes[panel.y_name], previous)
        previous = trace


def _shapes(figure: go.Figure, axes: dict[str, Axis]) -> Iterator[str]:
    """Straight lines over panels."""
    for shape in figure.layout.shapes:
        ends = [_anchored(axes, shape[f"{d}ref"], shape[f"{d}{n}"]) for n in (0, 1) for d in ("x", "y")]
        if shape.type != "line" or None in ends:
            continue
        x0, y0, x1, y1 = ends
        dash = {"dash": "6 4", "dot": "2 3"}.get(shape.line.dash or "", "")
        dashes = f' stroke-dasharray="{dash}"' if dash else ""
        width = 1.5 if shape.line.width is None else shape.line.width
        paint = painted("stroke", shape.line.color or "#666666")
        yield f'<path d="M{x0:.1f} {y0:.1f}L{x1:.1f} {y1:.1f}" {paint} stroke-width="{width:g}"{dashes}/>'


def _annotations(figure: go.Figure, axes: dict[str, Axis], box: tuple[float, float, float, float]) -> Iterator[str]:
    left, right, top, bottom = box
    for note in figure.layout.annotations:
        x = left + note.x * (right - left) if note.xref == "paper" else _anchored(axes, note.xref, note.x, is_note=True)
        y = (
            bottom + note.y * (top - bottom)
            if note.yref == "paper"
            else _anchored(axes, note.yref, note.y, is_note=True)
        )
        if x is None or y is None or not note.text:
            continue
        anchor = {"left": "start", "right": "end"}.get(note.xanchor or "", "middle")
        is_title = note.xref == "paper" and note.yref == "paper"
        shift = {"start": 5, "end": -5}.get(anchor, 0)
        below = {"top": 14, "middle": 4}.get(note.yanchor or "", -6)
        fill = note.font.color or "currentColor"
        y -= note.yshift or 0
        yield words(str(note.text), x + shift, y + below, anchor=anchor, is_bold=is_title, fill=fill, halo=not is_title)


def _anchored(axes: dict[str, Axis], reference: str | None, value: Any, *, is_note: bool = False) -> float | None:
    """Where a value of an axis is, or a share of it; notes give logarithms where an axis is logarithmic."""
    name, _, is_share = (reference or "").partition(" ")
    axis = axes.get(name)
    if axis is None:
        return None
    if is_share:
        return axis.place_of_share(float(value))
    return axis.place(10.0**value if is_note and axis.is_log else value)


def _legend_lines(figure: go.Figure, left: float, width: float) -> tuple[float, list[list[tuple[Any, float]]]]:
    """Where the legend begins, and the traces that it names, line by line, each with the room that it takes.

    It begins below the panels, or further left where a name needs the room.
    """
    shown = [trace for trace in figure.data if trace.name and trace.showlegend is not False and trace.type != "heatmap"]
    if len(shown) < 2:
        return left, []
    rooms = [width_of(str(trace.name)) + 44 for trace in shown]
    begin = max(0.0, min(left, width - max(rooms)))
    lines: list[list[tuple[Any, float]]] = [[]]
    for trace, room in zip(shown, rooms, strict=True):
        if lines[-1] and sum(taken for _, taken in lines[-1]) + room > width - begin:
            lines.append([])
        lines[-1].append((trace, room))
    return begin, lines


def _legend(figure: go.Figure, left: float, height: float, width: float) -> Iterator[str]:
    begin, lines = _legend_lines(figure, left, width)
    for number, line in enumerate(lines):
        x, y = begin, height - _LINE_OF_LEGEND * (len(lines) - number) + 12
        for trace, room in line:
            if "lines" in (trace.mode or "lines") and trace.type == "scatter":
                dash = ' stroke-dasharray="2 3"' if trace.line.dash == "dot" else ""
                paint = painted("stroke", colour_of(trace))
                yield f'<path d="M{x:.1f} {y - 4:.1f}h22" {paint} stroke-width="2"{dash}/>'
            if "markers" in (trace.mode or ""):
                symbol = trace.marker.symbol if isinstance(trace.marker.symbol, str) else "circle"
                yield marker(symbol, x + 11, y - 4, 8, colour_of(trace))
            yield words(str(trace.name), x + 28, y)
            x += room
