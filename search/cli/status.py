"""`regsearch status`: how far a study is."""

from __future__ import annotations

import click

from search.cli._options import format_option, name_argument, opened, storage_option
from search.cli._render import print_json, print_lines
from search.records.wording import describe_configuration, show_value

_MARGIN = 13
"""Width of the labels."""


@click.command(epilog="Example: regsearch status moons")
@name_argument
@storage_option
@format_option()
def status(name: str, url: str | None, format_: str) -> None:
    """Show a study's progress, its workers and what was interrupted."""
    from search.reporting.summaries import summarize_status

    with opened(url) as storage:
        found = summarize_status(storage, name)
    if format_ == "json":
        print_json(found.to_json())
        return
    study = found.study
    states = ", ".join(f"{count} {state.lower()}" for state, count in sorted(found.counts.items()))
    click.echo(f"{study.name}: {found.state}")
    print_lines(
        f"trials       {found.n_ended} of {study.n_trials} ended" + (f" ({states})" if states else ""), hanging=_MARGIN
    )
    if found.holder is not None:
        holder = found.holder
        print_lines(
            f"coordinator  {holder.host}, process {holder.pid}, since {holder.since:%Y-%m-%d %H:%M:%S} UTC",
            hanging=_MARGIN,
        )
    if found.workers:
        runs = ", ".join(
            f"{worker} ({count} run{'s' if count != 1 else ''})" for worker, count in sorted(found.workers.items())
        )
        print_lines(f"workers      {runs}", hanging=_MARGIN)
    for label, trial in (("baseline", found.baseline), ("best", found.best)):
        if trial is not None:
            shown = describe_configuration(trial.configuration, study.facts)
            print_lines(
                f"{label:<12} {study.metric} {show_value(trial.score)}, trial {trial.number}: {shown}", hanging=_MARGIN
            )
    for note in study.notes:
        print_lines(f"note         {note}", hanging=_MARGIN)
    if found.interrupted:
        numbers = ", ".join(map(str, found.interrupted))
        print_lines(
            f"interrupted  trials {numbers}; `regsearch run` with the same study file trains them again",
            hanging=_MARGIN,
        )
    if found.state == "stopped":
        print_lines("next         `regsearch run` with the same study file goes on", hanging=_MARGIN)
    elif found.holder is not None and not found.n_ended:
        print_lines(f"next         `regsearch watch {study.name}` shows the trials come", hanging=_MARGIN)
