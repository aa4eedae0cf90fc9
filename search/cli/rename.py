"""`regsearch rename`: another name for a study."""

from __future__ import annotations

import click

from search.cli._options import format_option, name_argument, opened, storage_option
from search.cli._render import print_json, print_lines


@click.command(epilog="Example: regsearch rename moons moons_2026")
@name_argument
@click.argument("new_name")
@storage_option
@format_option()
def rename(name: str, new_name: str, url: str | None, format_: str) -> None:
    """Give a study another name, which no other study has; nobody may be running it.

    To go on with it: `regsearch run STUDY --study-name NEW_NAME`.
    """
    from search.spec import check_study_name

    check_study_name(new_name, "NEW_NAME")
    with opened(url) as storage:
        storage.rename_study(name, new_name)
    if format_ == "json":
        print_json({"study": name, "name": new_name})
        return
    print_lines(f"Renamed {name} to {new_name}. To go on with it: regsearch run STUDY --study-name {new_name}")
