"""`regsearch compare`: several studies, one table."""

from __future__ import annotations

import click

from search.cli._options import format_option, opened, storage_option
from search.cli._render import print_json, print_table, settings


@click.command(epilog="Example: regsearch compare moons moons_grid")
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@storage_option
@format_option()
def compare(names: tuple[str, ...], url: str | None, format_: str) -> None:
    """Compare the best configurations of several studies."""
    from search.reporting.summaries import compare_studies

    with opened(url) as storage:
        found = compare_studies(storage, names)
    if format_ == "json":
        print_json([best.to_json() | {"gain": best.choice.gain} for best in found])
        return
    print_table(
        ["study", "metric", "trials", "baseline", "best", "gain", "best configuration"],
        [
            [
                best.study.name,
                best.study.metric,
                best.n_trials,
                best.choice.baseline and best.choice.baseline.score,
                best.choice.best and best.choice.best.score,
                best.choice.gain,
                settings(best.choice.best.configuration) if best.choice.best else None,
            ]
            for best in found
        ],
    )
    if len({best.study.metric for best in found}) > 1:
        click.echo("The studies have different metrics: compare rows of one metric only.", err=True)
    if len({best.study.data_sha256 for best in found}) > 1:
        click.echo("The studies have different data: their scores say nothing about each other.", err=True)
