"""`regsearch studies`: what the storage holds."""

from __future__ import annotations

from collections.abc import Sequence

import click

from search.cli._options import format_option, opened, storage_option
from search.cli._render import pick_columns, print_json, print_table, say

_NARROWER = (("study", "state", "trials", "metric", "baseline", "best"), ("study", "state", "trials", "best"))


@click.command(epilog="Example: regsearch studies --storage sqlite:///regsearch.db")
@storage_option
@format_option()
def studies(url: str | None, format_: str) -> None:
    """List the studies in the storage."""
    from search.reporting.summaries import list_studies

    with opened(url) as storage:
        listed = list_studies(storage)
        foreign = storage.foreign_studies()
    if format_ == "json":
        print_json([status.to_json() for status in listed])
        return
    if not listed:
        say(f"No studies yet: try `regsearch run moons`.{_foreign_words(foreign)}")
        return
    headers = ["study", "state", "trials", "metric", "baseline", "best", "verdict", "begun (UTC)"]
    rows = [
        [
            status.study.name,
            status.state,
            f"{status.n_ended}/{status.study.n_trials}",
            status.study.metric,
            status.baseline and status.baseline.score,
            status.best and status.best.score,
            status.answer,
            f"{status.study.created:%Y-%m-%d %H:%M}",
        ]
        for status in listed
    ]
    narrower = [pick_columns(headers, rows, shown) for shown in _NARROWER]
    print_table(headers, rows, *narrower)
    if foreign:
        say(_foreign_words(foreign).strip())


def _foreign_words(names: Sequence[str]) -> str:
    return f" Made by other programs, not shown here: {', '.join(names)}" if names else ""
