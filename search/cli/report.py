"""`regsearch report`: a study, or several, as one page."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from search.cli._completing import complete_studies
from search.cli._options import opened, storage_option
from search.cli._render import say

if TYPE_CHECKING:
    from search.reporting.report import Plots


@click.command(epilog="Example: regsearch report moons -o moons.html")
@click.argument("names", nargs=-1, required=True, metavar="NAME...", shell_complete=complete_studies)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    help="FILE.html, which needs no network.",
)
@click.option(
    "--plots",
    type=click.Choice(["interactive", "svg"]),
    default="interactive",
    show_default=True,
    help="interactive: figures with values under the pointer, some 2 MB; svg: a small page without scripts.",
)
@storage_option
def report(names: tuple[str, ...], output: Path, plots: Plots, url: str | None) -> None:
    """Write what a study found as a page: verdict, choice, figures with their numbers, finalists, parts, notes.

    Of several studies the page compares what they came to, and tells of each.
    """
    if output.suffix.lower() not in (".html", ".htm"):
        raise click.BadParameter(f"expected a path that ends in .html, received {output}.", param_hint="--output")
    from search.reporting.exports import write_export
    from search.reporting.report import gather_comparison, gather_report, report_html

    unique = list(dict.fromkeys(names))
    with opened(url) as storage:
        comparison = gather_comparison(storage, unique) if len(unique) > 1 else None
        gathered = [gather_report(storage, name) for name in unique]
    write_export(report_html(*gathered, comparison=comparison, plots=plots), output)
    say(f"Wrote {output}")
