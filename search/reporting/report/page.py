"""The page of a report."""

from __future__ import annotations

import base64
import hashlib
import json
from importlib.resources import files
from typing import TYPE_CHECKING

from search.figures import figure_json, figure_table, plotly_script
from search.records.wording import show_value
from search.reporting.report.gathering import Report, Table

if TYPE_CHECKING:
    from search.figures import Figure

_HEADINGS = {"curves": "Learning curves", "finalists": "Finalists against the baseline", "path": "Regularization path"}
"""Of figures, by their kind."""

_DRAW = """
const figures = JSON.parse(document.getElementById("figures").textContent);
const dark = window.matchMedia("(prefers-color-scheme: dark)");
function draw() {
  const colours = getComputedStyle(document.documentElement);
  const ink = colours.getPropertyValue("--ink"), line = colours.getPropertyValue("--line");
  for (const [name, figure] of Object.entries(figures)) {
    const layout = structuredClone(figure.layout);
    delete layout.title;
    const clear = "rgba(0,0,0,0)", margin = {l: 64, r: 16, t: 40, b: 56};
    const height = Math.max(320, layout.height - 60);
    Object.assign(layout, {paper_bgcolor: clear, plot_bgcolor: clear, margin, height});
    layout.font = {...layout.font, color: ink};
    for (const axis of Object.keys(layout).filter(key => /^[xy]axis/.test(key)))
      Object.assign(layout[axis], {gridcolor: line, zerolinecolor: line, linecolor: line});
    Plotly.react(`figure-${name}`, structuredClone(figure.data), layout, {displayModeBar: false, responsive: true});
  }
}
draw();
dark.addEventListener("change", draw);
"""


def report_html(report: Report) -> str:
    """The page: one file without any network, which a strict content policy lets show all that it has.

    Args:
        report: What it tells.
    """
    from jinja2 import Environment, StrictUndefined

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    template = files("search.reporting.report").joinpath("page.html.jinja").read_text(encoding="utf-8")
    library = plotly_script()
    drawn = {name: json.loads(figure_json(figure)) for name, figure in report.figures.items()}
    page: str = environment.from_string(template).render(
        report=report,
        figures=[
            (name, _HEADINGS[name.partition("-")[0]], _subtitle(figure), _numbers(name, figure))
            for name, figure in report.figures.items()
        ],
        # Inside a script element nothing is escaped but the end of the element.
        library=_Raw(library),
        data=_Raw(json.dumps(drawn).replace("<", "\\u003c")),
        draw=_Raw(_DRAW),
        hashes=" ".join(f"'sha256-{_digest(script)}'" for script in (library, _DRAW)),
        show=show_value,
    )
    return page


class _Raw(str):
    """Text that is not escaped."""

    def __html__(self) -> str:
        return self


def _subtitle(figure: Figure) -> str:
    """What a figure says of itself below its title, which the headings of the page take the place of."""
    return str(figure.layout.title.subtitle.text or "")


def _numbers(name: str, figure: Figure) -> Table:
    return Table.of(f"Numbers of the figure: {name}", *figure_table(figure))


def _digest(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
