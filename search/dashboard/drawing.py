"""Figures of a study as its page shows them: those of `regsearch plot` for which there is something to draw."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from search.errors import StudyFailedError, UsageError
from search.figures import figure_json
from search.reporting.plots import KINDS, draw_kind
from search.reporting.plots.gathering import gather_plotted

if TYPE_CHECKING:
    from search.records import StudyRecord, Trial
    from search.storage import Storage

_LETTERS_A_LINE = 95
_HEIGHT = 450
"""Of the place that a page keeps for a figure, in pixels."""

_MARGIN = {"l": 60, "r": 20, "t": 110, "b": 85}
_LETTERS, _LINE = 11, 15
"""Height of letters and of lines, in pixels."""


@dataclass(frozen=True)
class Picture:
    """A figure on the page.

    Args:
        name: Unique on the page; of letters, digits and hyphens.
        words: What it shows.
        drawn: Plotly's JSON.
    """

    name: str
    words: str
    drawn: str


def draw_pictures(storage: Storage, study: StudyRecord, trials: Sequence[Trial]) -> list[Picture]:
    """The figures of a study for which there is something to draw, in the order of their kinds."""
    try:
        plotted = gather_plotted(storage, study, trials)
    except StudyFailedError:
        return []
    pictures = []
    for kind, over in _asked(study):
        try:
            figure = draw_kind(plotted, kind, over)
        except UsageError:  # not known yet
            continue
        name = f"regsearch-{kind}" if over is None else f"regsearch-{kind}-{_letters(over)}"
        words = KINDS[kind] if over is None else f"{over} over its values"
        pictures.append(Picture(name, words, _fitted(figure_json(figure))))
    return pictures


def _asked(study: StudyRecord) -> Iterator[tuple[str, str | None]]:
    for kind in KINDS:
        if kind == "importance":
            continue  # Optuna's page has its own
        if kind == "path":
            yield from ((kind, name) for name in study.spec["space"])
        else:
            yield kind, None


def _fitted(drawn: str) -> str:
    """The figure as high as its place, and as wide as the page lets it be."""
    figure = json.loads(drawn)
    layout = figure["layout"]
    layout.pop("width", None)
    subtitle = layout["title"].get("subtitle", {})
    subtitle["text"] = "<br>".join(textwrap.wrap(subtitle.get("text", ""), _LETTERS_A_LINE)[:3])
    layout |= {"height": _HEIGHT, "autosize": True, "font": {**layout["font"], "size": _LETTERS}}
    layout["margin"] = _MARGIN
    for annotation in layout.get("annotations", ()):
        annotation["font"] = {**annotation.get("font", {}), "size": _LETTERS}
    layout["legend"] |= {"y": -0.2}
    _shorten_labels(figure["data"])
    return json.dumps({"data": figure["data"], "layout": layout}, separators=(",", ":"))


def _shorten_labels(traces: Sequence[dict[str, Any]]) -> None:
    """Cut the labels of rows, whose first lines tell them apart, to so many lines that none is written over another."""
    named = [trace for trace in traces if isinstance(trace.get("y"), list) and any(map(_is_text, trace["y"]))]
    labels = {label for trace in named for label in trace["y"]}
    room = _HEIGHT - _MARGIN["t"] - _MARGIN["b"]
    most = max(1, room // (_LINE * max(1, len(labels))))
    for trace in named:
        trace["y"] = [_first_lines(str(label), most) for label in trace["y"]]


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _first_lines(label: str, most: int) -> str:
    lines = label.split("<br>")
    if len(lines) <= most:
        return label
    return "<br>".join(lines[:most]) + (" ..." if most > 1 else "")


def _letters(name: str) -> str:
    return "".join(letter if letter.isalnum() else "-" for letter in name)
