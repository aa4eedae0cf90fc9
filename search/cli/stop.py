"""`regsearch stop`: drain a running study."""

from __future__ import annotations

import click

from search.cli._options import name_argument, opened, storage_option


@click.command(epilog="Example: regsearch stop moons")
@name_argument
@storage_option
def stop(name: str, url: str | None) -> None:
    """Ask a running study to finish what runs and ask no more trials."""
    with opened(url) as storage:
        storage.study(name)
        holder = storage.holder(name)
        if holder is None:
            click.echo(f"{name}: no coordinator runs this study; there is nothing to stop.", err=True)
            return
        storage.request_stop(name)
    click.echo(
        f"{name}: asked the coordinator on {holder.host}, process {holder.pid}, to stop. It finishes what runs; "
        "`regsearch run` goes on later.",
        err=True,
    )
