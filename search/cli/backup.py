"""`regsearch backup`: one study as a file."""

from __future__ import annotations

from pathlib import Path

import click

from search.cli._options import format_option, name_argument, opened, storage_option
from search.cli._render import count_of, print_json, print_lines


@click.command(epilog="Example: regsearch backup moons -o moons.backup.db")
@name_argument
@storage_option
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Default: NAME.backup.db in the current folder.",
)
@click.option("--force", is_flag=True, help="Replace a file that exists.")
@format_option()
def backup(name: str, url: str | None, output: Path | None, *, force: bool, format_: str) -> None:
    """Write one study with all that is kept of it to a file, as it is at one moment.

    The file is a SQLite database with this study alone: `restore` copies it into another database, and --storage
    opens it as it is. It is there whole or not at all. The study may be running meanwhile.
    """
    from search.reporting.backups import back_up

    with opened(url) as storage:
        copied = back_up(storage, name, output or Path(f"{name}.backup.db"), replace=force)
    if format_ == "json":
        print_json(copied.to_json())
        return
    print_lines(f"Wrote {copied.place}: study {name}, {count_of(copied.n_trials, 'trial')}.")
