"""A figure as a page of its own, or as JSON; and what any page needs that shows figures."""

from __future__ import annotations

import base64
import functools
import gzip
import hashlib
import html
import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from search.figures._style import NIGHT
from search.figures.narrowing import narrowed

if TYPE_CHECKING:
    import plotly.graph_objects as go

_DIGITS = 5
"""Of numbers that are drawn."""

_COLOURS = """\
:root { --ink: #1b1f24; --faint: #57606a; --paper: #ffffff; --card: #f6f8fa; --line: #d0d7de; --accent: #0b5cad; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6edf3; --faint: #9aa5b1; --paper: #0d1117; --card: #161b22; --line: #3d444d; --accent: #6cb6ff; }
"""


class Raw(str):
    """Text that a template takes as it is."""

    def __html__(self) -> str:
        return self


@dataclass(frozen=True)
class Scripts:
    """What draws the figures of a page: `figure-NAME` is the id of the element that shows one.

    Args:
        packed: Texts that the page holds, each by the id of its element of type `application/gzip`.
        draw: The script that unpacks and draws them.
        policy: What a content policy allows as a script.
    """

    packed: Mapping[str, str]
    draw: Raw
    policy: Raw


def page_scripts(figures: Mapping[str, go.Figure]) -> Scripts:
    """What a page needs that draws figures, by their names; some 2 MB, for Plotly itself."""
    draw = files("search.figures").joinpath("draw.js").read_text(encoding="utf-8")
    packed = {"library": _packed_library(), "figures": _packed(_data(figures))}
    return Scripts(packed, Raw(draw), Raw(f"{_allowed(plotly_script())} {_allowed(draw)}"))


def page_colours() -> Raw:
    """The colours of a page, light and dark, as a style sheet; in the dark those of its figures as SVG are lighter."""
    rules = [
        f'  svg [{attribute}="{day.lower()}"] {{ {attribute}: {night}; }}'
        for day, night in NIGHT.items()
        for attribute in ("fill", "stroke")
    ]
    return Raw("\n".join([_COLOURS.rstrip("\n"), *rules, "}"]))


def figure_html(figure: go.Figure) -> str:
    """A page that shows the figure, without any network: Plotly is in it, packed, some 2 MB."""
    from jinja2 import Environment, StrictUndefined

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    template = files("search.figures").joinpath("figure.html.jinja").read_text(encoding="utf-8")
    page: str = environment.from_string(template).render(
        title=html.unescape(str(figure.layout.title.text)),
        subtitle=html.unescape(str(figure.layout.title.subtitle.text or "")),
        scripts=page_scripts({"one": figure}),
        colours=page_colours(),
    )
    return page


def figure_json(figure: go.Figure) -> str:
    """The figure as Plotly's JSON, which `plotly.io.from_json` and plotly.js read."""
    text: str = figure.to_json()
    return text


@functools.cache
def plotly_script() -> str:
    """The library that draws figures in a browser, some 5 MB."""
    from plotly.offline import get_plotlyjs

    script: str = get_plotlyjs()
    return script


def warm_up() -> None:
    """Import what draws figures, which takes a second: a server does so before it is asked."""
    import plotly.graph_objects
    import plotly.subplots  # noqa: F401  # for its own sake


def _data(figures: Mapping[str, go.Figure]) -> str:
    """What is drawn, as JSON: of each figure its traces, and its layout on wide and on narrow screens."""
    drawn = {}
    template: dict[str, Any] = {}
    for name, figure in figures.items():
        wide, narrow = (_rounded(json.loads(figure_json(each))) for each in (figure, narrowed(figure)))
        template = wide["layout"].pop("template", {})  # one and the same of all
        narrow["layout"].pop("template", None)
        drawn[name] = {"data": wide["data"], "layout": wide["layout"], "narrow": narrow["layout"]}
    document = {"template": template, "night": NIGHT, "figures": drawn}
    return json.dumps(document, separators=(",", ":"))


def _rounded(value: Any) -> Any:
    """Numbers with as many digits as can be seen."""
    if isinstance(value, float):
        return float(f"{value:.{_DIGITS}g}")
    if isinstance(value, dict):
        return {key: _rounded(each) for key, each in value.items()}
    return [_rounded(each) for each in value] if isinstance(value, list) else value


@functools.cache
def _packed_library() -> str:
    return _packed(plotly_script())


def _packed(text: str) -> str:
    """A text in a third of its length, of letters that a page holds."""
    return base64.b64encode(gzip.compress(text.encode(), mtime=0)).decode()


def _allowed(script: str) -> str:
    """A script as a policy allows it: by its fingerprint."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"
