"""`regsearch restore`: a study from a file of `regsearch backup`."""

from __future__ import annotations

from pathlib import Path

import click

from search.cli._options import format_option, opened, storage_option
from search.cli._render import count_of, print_json, print_lines


@click.command(epilog="Example: regsearch restore moons.backup.db --name moons_again")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False, readable=True))
@storage_option
@click.option("--name", metavar="NAME", help="Another name for the study.")
@format_option()
def restore(file: Path, url: str | None, name: str | None, format_: str) -> None:
    """Copy the study of a backup into the storage, where it goes on as it would have.

    A study of that name must not be there; the file is not changed.
    """
    from search.reporting.backups import restore as restore_study

    with opened(url, create=True) as storage:
        copied = restore_study(file, storage, name)
    if format_ == "json":
        print_json(copied.to_json())
        return
    print_lines(f"Restored {copied.name} into {copied.place}: {count_of(copied.n_trials, 'trial')}.")
