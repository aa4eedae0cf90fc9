"""`regsearch plot`: one figure of a study as a file."""

from __future__ import annotations

from pathlib import Path

import click

from search.cli._options import name_argument, opened, storage_option
from search.cli._render import say
from search.reporting.plots import KINDS

_SUFFIXES = (".html", ".json")


@click.command(epilog="Example: regsearch plot moons --kind path --over l2 -o path.html")
@name_argument
@click.option(
    "--kind",
    type=click.Choice(list(KINDS)),
    default="curves",
    show_default=True,
    help="; ".join(f"{kind}: {shown}" for kind, shown in KINDS.items()) + ".",
)
@click.option("--over", metavar="NAME", help="With --kind path: the name that was swept.")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    help="FILE.html, a page that needs no network; FILE.json, the figure for Plotly.",
)
@storage_option
def plot(name: str, kind: str, over: str | None, output: Path, url: str | None) -> None:
    """Draw a figure of a study."""
    if output.suffix.lower() not in _SUFFIXES:
        raise click.BadParameter(
            f"expected a path that ends in .html or .json, received {output}.", param_hint="--output"
        )
    if over is not None and kind != "path":
        raise click.UsageError(f"expected --over with --kind path alone, received --kind {kind}.")
    from search.figures import figure_html, figure_json
    from search.reporting.exports import write_export
    from search.reporting.plots import draw

    with opened(url) as storage:
        figure = draw(storage, name, kind, over)
    write_export((figure_html if output.suffix.lower() == ".html" else figure_json)(figure), output)
    say(f"Wrote {output}")
