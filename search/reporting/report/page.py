"""The page of a report."""

from __future__ import annotations

import base64
import functools
import gzip
import hashlib
import json
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Literal

from search.figures import figure_json, figure_svg, figure_table, plotly_script
from search.reporting.report.comparing import Comparison
from search.reporting.report.gathering import Report, Table

if TYPE_CHECKING:
    from search.figures import Figure

Plots = Literal["interactive", "svg"]
"""Figures that Plotly draws, some 2 MB for its script; or pictures in the page, without any script."""

_DIGITS = 5
"""Of numbers that are drawn."""

_DRAW = """
async function unpacked(id) {
  const packed = Uint8Array.from(atob(document.getElementById(id).textContent), letter => letter.charCodeAt(0));
  return new Response(new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"))).text();
}
const dark = window.matchMedia("(prefers-color-scheme: dark)");
function draw({template, figures}) {
  const colours = getComputedStyle(document.documentElement);
  const ink = colours.getPropertyValue("--ink"), line = colours.getPropertyValue("--line");
  const paper = colours.getPropertyValue("--paper");
  for (const [name, figure] of Object.entries(figures)) {
    const layout = {...structuredClone(figure.layout), template};
    delete layout.title;
    const clear = "rgba(0,0,0,0)", margin = {l: 64, r: 16, t: 40, b: 56};
    if (layout.xaxis3 && layout.xaxis3.side === "top") margin.t = 80;
    const height = Math.max(240, layout.height - 60);
    Object.assign(layout, {paper_bgcolor: clear, plot_bgcolor: clear, margin, height});
    layout.font = {...layout.font, color: ink};
    for (const axis of Object.keys(layout).filter(key => /^[xy]axis/.test(key)))
      Object.assign(layout[axis], {gridcolor: line, zerolinecolor: line, linecolor: line});
    for (const note of layout.annotations || []) if (note.bgcolor) note.bgcolor = paper;
    Plotly.react(`figure-${name}`, structuredClone(figure.data), layout, {displayModeBar: false, responsive: true});
  }
}
async function start() {
  const library = document.createElement("script");
  library.textContent = await unpacked("library");
  document.head.append(library);
  const told = JSON.parse(await unpacked("figures"));
  draw(told);
  dark.addEventListener("change", () => draw(told));
}
start().catch(error => {
  for (const place of document.querySelectorAll(".figure"))
    place.textContent = `This browser cannot draw the figure (${error}); its numbers follow.`;
});
"""
"""Plotly and what it draws come packed, which makes the page a third as long; the policy knows what is unpacked."""


@dataclass(frozen=True)
class Drawn:
    """A figure on the page.

    Args:
        anchor: Its own on the page.
        heading: What stands above it.
        subtitle: What it says of itself.
        numbers: Its numbers.
        picture: As SVG; None where Plotly draws it.
    """

    anchor: str
    heading: str
    subtitle: str
    numbers: Table
    picture: str | None


def report_html(*reports: Report, comparison: Comparison | None = None, plots: Plots = "interactive") -> str:
    """The page: one file without any network, which a strict content policy lets show all that it has.

    Args:
        reports: What it tells, study by study; at least one.
        comparison: What it tells of all of them, where there are several.
        plots: How figures are drawn.
    """
    from jinja2 import Environment, StrictUndefined

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    template = files("search.reporting.report").joinpath("page.html.jinja").read_text(encoding="utf-8")
    is_one = len(reports) == 1
    figures = {
        name if is_one else f"{number}-{name}": figure
        for number, report in enumerate(reports, start=1)
        for name, figure in report.figures.items()
    }
    of_reports = [
        [_drawn(name if is_one else f"{number}-{name}", figure, plots) for name, figure in report.figures.items()]
        for number, report in enumerate(reports, start=1)
    ]
    overview = None
    if comparison is not None and comparison.figure is not None:
        figures["gains"] = comparison.figure
        overview = _drawn("gains", comparison.figure, plots)
    is_drawn = bool(figures) and plots != "svg"
    page: str = environment.from_string(template).render(
        title=f"{reports[0].name}: {reports[0].answer}" if comparison is None else f"{len(reports)} studies compared",
        sections=list(zip(reports, of_reports, strict=True)),
        comparison=comparison,
        overview=overview,
        packed={"library": _packed_library(), "figures": _packed(_data(figures))} if is_drawn else {},
        draw=_Raw(_DRAW) if is_drawn else None,
        policy=f"{_allowed(plotly_script())} {_allowed(_DRAW)}" if is_drawn else "'none'",
    )
    return page


def _drawn(anchor: str, figure: Figure, plots: Plots) -> Drawn:
    heading = str(figure.layout.title.text).rpartition(": ")[2]
    heading = heading[:1].upper() + heading[1:]
    # Titles of the page take the place of the figure's own.
    subtitle = str(figure.layout.title.subtitle.text or "")
    numbers = Table.of(f"Numbers of the figure: {anchor}", *figure_table(figure))
    picture = _Raw(figure_svg(figure, label=f"{heading}; its numbers follow as a table")) if plots == "svg" else None
    return Drawn(anchor, heading, subtitle, numbers, picture)


def _data(figures: dict[str, Figure]) -> str:
    """What is drawn, as JSON."""
    drawn = {name: _rounded(json.loads(figure_json(figure))) for name, figure in figures.items()}
    templates = [figure["layout"].pop("template", {}) for figure in drawn.values()]  # one and the same
    document = {"template": templates[0] if templates else {}, "figures": drawn}
    return json.dumps(document, separators=(",", ":"))


def _rounded(value: Any) -> Any:
    """Numbers with as many digits as can be seen."""
    if isinstance(value, float):
        return float(f"{value:.{_DIGITS}g}")
    if isinstance(value, dict):
        return {key: _rounded(each) for key, each in value.items()}
    return [_rounded(each) for each in value] if isinstance(value, list) else value


class _Raw(str):
    """Text that is not escaped."""

    def __html__(self) -> str:
        return self


@functools.cache
def _packed_library() -> str:
    return _packed(plotly_script())


def _packed(text: str) -> str:
    """A text in a third of its length, of letters that a page holds."""
    return base64.b64encode(gzip.compress(text.encode(), mtime=0)).decode()


def _allowed(script: str) -> str:
    """A script as a policy allows it: by its fingerprint."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"
