"""The page of a report."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING, Literal

from search.figures import Raw, figure_svg, figure_table, narrowed, page_colours, page_scripts
from search.reporting.report.comparing import Comparison
from search.reporting.report.gathering import Report, Table

if TYPE_CHECKING:
    from search.figures import Figure

Plots = Literal["interactive", "svg"]
"""Figures that Plotly draws, some 2 MB for its script; or pictures in the page, without any script."""

_NARROW = 360
"""Width of a picture on a narrow screen, in pixels."""


@dataclass(frozen=True)
class Drawn:
    """A figure on the page.

    Args:
        anchor: Its own on the page.
        heading: What stands above it.
        subtitle: What it says of itself.
        numbers: Its numbers.
        picture: As SVG; None where Plotly draws it.
        narrow: The same for narrow screens.
    """

    anchor: str
    heading: str
    subtitle: str
    numbers: Table
    picture: Raw | None = None
    narrow: Raw | None = None


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
    gains = {} if comparison is None else comparison.figures
    figures |= gains
    is_drawn = bool(figures) and plots != "svg"
    page: str = environment.from_string(template).render(
        title=f"{reports[0].name}: {reports[0].answer}" if comparison is None else f"{len(reports)} studies compared",
        sections=list(zip(reports, of_reports, strict=True)),
        comparison=comparison,
        overview=[_drawn(name, figure, plots) for name, figure in gains.items()],
        scripts=page_scripts(figures) if is_drawn else None,
        colours=page_colours(),
    )
    return page


def _drawn(anchor: str, figure: Figure, plots: Plots) -> Drawn:
    heading = str(figure.layout.title.text).rpartition(": ")[2]
    heading = heading[:1].upper() + heading[1:]
    # Titles of the page take the place of the figure's own.
    subtitle = str(figure.layout.title.subtitle.text or "")
    numbers = Table.of(f"Numbers of the figure: {anchor}", *figure_table(figure))
    if plots != "svg":
        return Drawn(anchor, heading, subtitle, numbers)
    label = f"{heading}; its numbers follow as a table"
    wide, narrow = figure_svg(figure, label=label), figure_svg(narrowed(figure), width=_NARROW, label=label)
    return Drawn(anchor, heading, subtitle, numbers, Raw(wide), Raw(narrow))
