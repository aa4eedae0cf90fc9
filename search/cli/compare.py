"""`regsearch compare`: several studies, or the techniques of one, in one table."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from search.cli._completing import complete_studies
from search.cli._options import format_option, opened, storage_option
from search.cli._render import NOTHING_YET, pick_columns, print_json, print_table, say
from search.records.wording import describe_configuration

if TYPE_CHECKING:
    from search.reporting.summaries import Best, Techniques

_MOST_ROWS = 30
_MOST_NAMES = 8


@click.command(epilog="Example: regsearch compare moons moons_grid")
@click.argument("names", nargs=-1, required=True, metavar="NAME...", shell_complete=complete_studies)
@storage_option
@format_option()
def compare(names: tuple[str, ...], url: str | None, format_: str) -> None:
    """Compare several studies, or what the techniques of one study did alone and together."""
    from search.reporting.summaries import compare_studies, compare_techniques

    if len(names) == 1:
        with opened(url) as storage:
            techniques = compare_techniques(storage, names[0])
        if format_ == "json":
            print_json(techniques.to_json())
        else:
            _print_techniques(techniques)
        return
    with opened(url) as storage:
        studies = compare_studies(storage, names)
    if format_ == "json":
        print_json([best.to_json() | {"gain": best.choice.gain} for best in studies])
    else:
        _print_studies(studies)


def _print_techniques(found: Techniques) -> None:
    metric, facts = found.study.metric, found.study.facts
    if not found.rows:
        say(NOTHING_YET.format(name=found.study.name, what="no trial has ended"))
        return
    most = max((len(row.techniques) for row in found.rows), default=0)
    headers = ["techniques", "trials", f"best {metric}", f"mean {metric}", "gain", "best configuration"]
    rows = [
        [
            f"all {len(row.techniques)}" if len(row.techniques) == most > _MOST_NAMES else row.label,
            row.n_trials,
            row.best and row.best.score,
            row.mean_score,
            row.gain,
            describe_configuration(row.best.configuration, facts)
            if row.best and len(row.techniques) <= _MOST_NAMES
            else None,
        ]
        for row in found.rows[:_MOST_ROWS]
    ]
    print_table(
        headers,
        rows,
        pick_columns(headers, rows, ["techniques", f"best {metric}", "gain", "best configuration"]),
        pick_columns(headers, rows, ["techniques", f"best {metric}", "gain"]),
    )
    if (more := len(found.rows) - _MOST_ROWS) > 0:
        say(f"{more} more sets of techniques scored worse or not at all; --format json has all.")


def _print_studies(studies: list[Best]) -> None:
    from search.reporting.sentences import warnings_on

    headers = ["study", "verdict", "metric", "trials", "baseline", "best", "gain of best", "best configuration"]
    rows = [
        [
            best.study.name,
            "not confirmed" if best.choice.verdict is None else best.choice.verdict.answer,
            best.study.metric,
            best.n_trials,
            best.choice.baseline and best.choice.baseline.score,
            best.choice.best and best.choice.best.score,
            best.choice.gain,
            describe_configuration(best.choice.best.configuration, best.study.facts) if best.choice.best else None,
        ]
        for best in studies
    ]
    print_table(
        headers,
        rows,
        pick_columns(headers, rows, ["study", "verdict", "metric", "best", "gain of best", "best configuration"]),
        pick_columns(headers, rows, ["study", "verdict", "best", "gain of best"]),
    )
    for warning in warnings_on(studies):
        say(warning)
