"""`regsearch stop`: drain a running study."""

from __future__ import annotations

import click

from search.cli._options import name_argument, opened, storage_option
from search.cli._render import say


@click.command(epilog="Example: regsearch stop moons")
@name_argument
@storage_option
def stop(name: str, url: str | None) -> None:
    """Ask a running study to finish what runs and ask no more trials."""
    with opened(url) as storage:
        storage.study(name)
        holder = storage.holder(name)
        if holder is None:
            say(f"{name}: no coordinator runs this study; there is nothing to stop.")
            return
        storage.request_stop(name)
    say(
        f"{name}: asked the coordinator on {holder.host}, process {holder.pid}, to stop. It finishes what runs; "
        "`regsearch run` goes on later."
    )
