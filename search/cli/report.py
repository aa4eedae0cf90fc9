"""`regsearch report`: a study as one page."""

from __future__ import annotations

from pathlib import Path

import click

from search.cli._options import name_argument, opened, storage_option
from search.cli._render import say


@click.command(epilog="Example: regsearch report moons -o moons.html")
@name_argument
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    help="FILE.html, which needs no network.",
)
@storage_option
def report(name: str, output: Path, url: str | None) -> None:
    """Write what a study found as a page: verdict, choice, figures with their numbers, finalists, parts, notes."""
    if output.suffix.lower() not in (".html", ".htm"):
        raise click.BadParameter(f"expected a path that ends in .html, received {output}.", param_hint="--output")
    from search.reporting.exports import write_export
    from search.reporting.report import gather_report, report_html

    with opened(url) as storage:
        gathered = gather_report(storage, name)
    write_export(report_html(gathered), output)
    say(f"Wrote {output}")
