"""What each trace looks like."""

from __future__ import annotations

import itertools
import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

from search.figures.svg.axes import Axis
from search.figures.svg.colours import Colour, between, is_dark, painted
from search.figures.svg.words import words

_DASHES = {"dash": "6 4", "dot": "2 3", "dashdot": "6 3 2 3"}
_SHAPES = {
    "square": ((-1, -1), (1, -1), (1, 1), (-1, 1)),
    "diamond": ((0, -1.3), (1.3, 0), (0, 1.3), (-1.3, 0)),
    "triangle-up": ((0, -1.2), (1.2, 1), (-1.2, 1)),
    "star": (
        (0, -1.3),
        (0.31, -0.42),
        (1.24, -0.4),
        (0.5, 0.16),
        (0.76, 1.05),
        (0, 0.53),
        (-0.76, 1.05),
        (-0.5, 0.16),
        (-1.24, -0.4),
        (-0.31, -0.42),
    ),
    "pentagon": ((0, -1.2), (1.15, -0.35), (0.7, 1), (-0.7, 1), (-1.15, -0.35)),
}
"""Corners of markers, in halves of their size; what is not among them is drawn as a circle, or as a cross."""
_LEVELS = 24
"""Of colours that cells are rounded to, so that neighbours become one."""

_TOLERANCE = 0.25
"""By how many pixels a line may be off."""

Points = list[tuple[float, float] | None]


def draw_trace(trace: Any, x: Axis, y: Axis, previous: Any = None) -> str:
    """The elements of a trace.

    Args:
        trace: Of Plotly: a `Scatter`, a horizontal `Bar` or a `Heatmap`.
        x: The horizontal axis of its panel.
        y: The vertical axis.
        previous: The trace before it on the same axes, down to which it may be filled.

    Raises:
        ValueError: It is of another kind.
    """
    check_kind(trace)
    if trace.type == "scatter":
        return "".join(_scatter(trace, x, y, previous))
    return "".join((_bars if trace.type == "bar" else _cells)(trace, x, y))


def check_kind(trace: Any) -> None:
    """Refuse a trace that is not drawn here.

    Raises:
        ValueError: It is no `Scatter`, `Bar` or `Heatmap`.
    """
    if trace.type not in ("scatter", "bar", "heatmap"):
        raise ValueError(f"expected a scatter, bar or heatmap trace, received {trace.type}")


def colour_of(trace: Any) -> str:
    """The colour that stands for a trace."""
    marker = trace.marker.color if isinstance(trace.marker.color, str) else None
    line = trace.line.color if trace.type == "scatter" else None
    return str(marker or line or "#0072B2")


def marker(symbol: str, x: float, y: float, size: float, colour: str, opacity: float = 1.0) -> str:
    """One marker."""
    half, paint = size / 2, painted("fill", colour)
    covered = "" if opacity >= 1 else f' opacity="{opacity:.2g}"'
    if symbol.endswith("-open"):
        ring = f'fill="none" {painted("stroke", colour)} stroke-width="2"'
        return f'<circle cx="{x:.5g}" cy="{y:.5g}" r="{half:.3g}" {ring}/>'
    if symbol in _SHAPES:
        corners = " ".join(f"{x + half * dx:.5g},{y + half * dy:.5g}" for dx, dy in _SHAPES[symbol])
        return f'<polygon points="{corners}" {paint}{covered}/>'
    if symbol in ("x", "cross"):
        legs = f"M{x - half:.5g} {y - half:.5g}l{size:.3g} {size:.3g}m0 {-size:.3g}l{-size:.3g} {size:.3g}"
        return f'<path d="{legs}" fill="none" {painted("stroke", colour)} stroke-width="2"{covered}/>'
    return f'<circle cx="{x:.5g}" cy="{y:.5g}" r="{half:.3g}" {paint}{covered}/>'


def _scatter(trace: Any, x: Axis, y: Axis, previous: Any) -> Iterator[str]:
    points = _points(trace, x, y)
    mode = trace.mode or "lines"
    if trace.fill == "tonexty" and previous is not None:
        there = [point for point in points if point]
        back = [point for point in _points(previous, x, y) if point]
        if there and back:
            yield f'<path d="{_line([*there, *reversed(back)])}z" {painted("fill", trace.fillcolor)}/>'
    width = 2.0 if trace.line.width is None else float(trace.line.width)
    if "lines" in mode and width:
        dash = f' stroke-dasharray="{_DASHES[trace.line.dash]}"' if trace.line.dash in _DASHES else ""
        paint = painted("stroke", colour_of(trace) if trace.line.color is None else trace.line.color)
        yield f'<path d="{_line(points)}" fill="none" {paint} stroke-width="{width:g}"{dash}/>'
    yield from _errors(trace, x, y)
    if "markers" in mode:
        yield from _markers(trace, points)


def _points(trace: Any, x: Axis, y: Axis) -> Points:
    places = ((x.place(first), y.place(second)) for first, second in zip(trace.x, trace.y, strict=True))
    return [None if first is None or second is None else (first, second) for first, second in places]


def _line(points: Sequence[tuple[float, float] | None]) -> str:
    """A path along points; it ends and begins anew where one is missing."""
    parts = [[each for each in part if each] for known, part in itertools.groupby(points, bool) if known]
    return "".join("M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in _simplified(part)) for part in parts)


def _simplified(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Points of a line without those that nobody would miss (Douglas and Peucker 1973)."""
    kept, open_parts = {0, len(points) - 1}, [(0, len(points) - 1)]
    while open_parts:
        first, last = open_parts.pop()
        (x0, y0), (x1, y1) = points[first], points[last]
        length = math.hypot(x1 - x0, y1 - y0) or 1.0
        farthest, distance = first, _TOLERANCE
        for place in range(first + 1, last):
            x, y = points[place]
            off = abs((x1 - x0) * (y0 - y) - (x0 - x) * (y1 - y0)) / length
            if (x0, y0) == (x1, y1):
                off = math.hypot(x - x0, y - y0)
            if off > distance:
                farthest, distance = place, off
        if farthest != first:
            kept.add(farthest)
            open_parts += [(first, farthest), (farthest, last)]
    return [points[place] for place in sorted(kept)]


def _markers(trace: Any, points: Points) -> Iterator[str]:
    size = 6.0 if trace.marker.size is None else float(trace.marker.size)
    opacity = 1.0 if trace.marker.opacity is None else float(trace.marker.opacity)
    seen: set[tuple[int, int]] = set()  # where one covers another nothing is lost
    for number, point in enumerate(points):
        if point is None or (place := (round(point[0]), round(point[1]))) in seen:
            continue
        seen.add(place)
        symbol, colour = _at(trace.marker.symbol, number) or "circle", _at(trace.marker.color, number)
        shown = colour if isinstance(colour, str) else colour_of(trace)
        yield marker(str(symbol), round(point[0], 1), round(point[1], 1), size, shown, opacity)


def _at(value: Any, number: int) -> Any:
    """What a marker has of its own, or all of them share."""
    return value[number] if isinstance(value, list | tuple) or hasattr(value, "shape") else value


def _errors(trace: Any, x: Axis, y: Axis) -> Iterator[str]:
    paths = []
    for axis, error in ((x, trace.error_x), (y, trace.error_y)):
        if error.array is None:
            continue
        below = error.array if error.arrayminus is None else error.arrayminus
        for first, second, less, more in zip(trace.x, trace.y, below, error.array, strict=True):
            value = first if axis is x else second
            ends = [axis.place(value - less), axis.place(value + more)]
            other = y.place(second) if axis is x else x.place(first)
            if None not in (*ends, other) and (less or more):
                start, end = ends
                paths.append(
                    f"M{start:.1f} {other:.1f}H{end:.1f}" if axis is x else f"M{other:.1f} {start:.1f}V{end:.1f}"
                )
    if paths:
        yield f'<path d="{"".join(paths)}" fill="none" {painted("stroke", colour_of(trace))} stroke-width="1.5"/>'


def _bars(trace: Any, x: Axis, y: Axis) -> Iterator[str]:
    zero = x.place(0.0)
    step = abs((y.place(1.0) or 0.0) - (y.place(0.0) or 0.0))
    for number, (value, category) in enumerate(zip(trace.x, trace.y, strict=True)):
        end, middle = x.place(value), y.place(category)
        if zero is None or end is None or middle is None:
            continue
        left, width = min(zero, end), abs(end - zero)
        box = f'x="{left:.1f}" y="{middle - 0.4 * step:.1f}" width="{width:.1f}" height="{0.8 * step:.1f}"'
        yield f"<rect {box} {painted('fill', colour_of(trace))}/>"
        if trace.text is not None:
            yield words(str(trace.text[number]), max(zero, end) + 6, middle + 4)


def _cells(trace: Any, x: Axis, y: Axis) -> Iterator[str]:
    """Cells, each line of them in as few pieces as it has colours, and pieces of one colour as one path."""
    low, high = float(trace.zmin), float(trace.zmax)
    across, down = _edges(trace.x, x), _edges(trace.y, y)
    pieces: dict[str, list[str]] = defaultdict(list)
    for line, values in enumerate(trace.z):
        top, bottom = sorted(down[line : line + 2])
        levels = [_level(value, low, high) for value in values]
        start = 0
        for place in range(1, len(levels) + 1):
            if place < len(levels) and levels[place] == levels[start]:
                continue
            level = levels[start]
            if level is not None:
                left, right = sorted((across[start], across[place]))
                path = f"M{left:.1f} {top:.1f}h{right - left:.1f}v{bottom - top:.1f}h{left - right:.1f}z"
                pieces[painted("fill", _colour(trace, level))].append(path)
            start = place
    yield from (f'<path d="{"".join(paths)}" {paint}/>' for paint, paths in pieces.items())
    yield from _cell_words(trace, x, y, low, high)


def _cell_words(trace: Any, x: Axis, y: Axis, low: float, high: float) -> Iterator[str]:
    if trace.text is None:
        return
    for line, (texts, values) in enumerate(zip(trace.text, trace.z, strict=True)):
        for column, (text, value) in enumerate(zip(texts, values, strict=True)):
            level, place = _level(value, low, high), (x.place(trace.x[column]), y.place(trace.y[line]))
            if level is not None and place[0] is not None and place[1] is not None:
                fill = "#ffffff" if is_dark(_colour(trace, level)) else "#1b1f24"
                yield words(str(text), place[0], place[1] + 4, anchor="middle", fill=fill)


def _level(value: Any, low: float, high: float) -> int | None:
    if value is None or not math.isfinite(float(value)):
        return None
    return round(min(max((float(value) - low) / (high - low), 0.0), 1.0) * _LEVELS)


def _colour(trace: Any, level: int) -> Colour:
    return between([(float(at), str(colour)) for at, colour in trace.colorscale], level / _LEVELS)


def _edges(values: Sequence[Any], axis: Axis) -> list[float]:
    """Where cells begin, and where the last one ends: half way between their middles."""
    middles = [place for value in values if (place := axis.place(value)) is not None]
    if len(middles) == 1:
        one = axis.place(1.0) if axis.categories else axis.end
        half = abs((axis.end - axis.start) / 2 if one is None else one - middles[0]) or 10.0
        return [middles[0] - half / 2, middles[0] + half / 2]
    inner = [(first + second) / 2 for first, second in itertools.pairwise(middles)]
    return [middles[0] - (inner[0] - middles[0]), *inner, middles[-1] + (middles[-1] - inner[-1])]
