"""`regsearch delete`: a study with all that is kept of it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from search.cli._options import format_option, name_argument, opened, storage_option
from search.cli._render import count_of, print_json, print_lines, say
from search.errors import Problem, UsageError

if TYPE_CHECKING:
    from search.storage import Storage


@click.command(epilog="Example: regsearch delete moons")
@name_argument
@storage_option
@click.option("-y", "--yes", is_flag=True, help="Do not ask. Without a terminal nothing is deleted without it.")
@format_option()
def delete(name: str, url: str | None, *, yes: bool, format_: str) -> None:
    """Delete a study with its trials, runs, curves and verdict, for ever; nobody may be running it.

    `regsearch backup` keeps one as a file. Who is asked and says no gets the exit code 1.
    """
    with opened(url) as storage:
        what = _in_words(storage, name)
        if not yes and not _confirmed(f"Delete {what} from {storage.url_shown} for ever?"):
            say("Nothing was deleted.")
            sys.exit(1)
        storage.delete_study(name)
    if format_ == "json":
        print_json({"study": name, "deleted": True})
        return
    print_lines(f"Deleted {what}.")


def _in_words(storage: Storage, name: str) -> str:
    study_id = storage.study(name).study_id
    told = f"study {name}, {count_of(storage.progress(study_id).n_trials, 'trial')}"
    n_looks = len(storage.looks(study_id))
    return f"{told}, and the record of {count_of(n_looks, 'look')} at its sealed rows" if n_looks else told


def _confirmed(question: str) -> bool:
    if not sys.stdin.isatty():
        message = "expected a terminal to ask on, received none"
        raise UsageError(Problem("--yes", message, "Add --yes to delete without being asked."))
    return click.confirm(question, err=True)
