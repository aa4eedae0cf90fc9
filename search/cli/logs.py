"""`regsearch logs`: what errors of runs said in full."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import click

from search.cli._options import format_option, name_argument, opened, storage_option
from search.cli._render import print_json, print_lines, say
from search.errors import Problem, UsageError
from search.records.wording import show_value

if TYPE_CHECKING:
    from search.records import RunLog


@click.command(epilog="Example: regsearch logs moons --trial 7")
@name_argument
@storage_option
@click.option("--trial", type=click.IntRange(0), metavar="N", help="Of this trial alone.")
@format_option()
def logs(name: str, url: str | None, trial: int | None, format_: str) -> None:
    """Print all that the errors of failed runs said, with where they were raised.

    `trials` has a sentence on each error. Users and passwords of URLs, and values that are named as secrets, are left
    out.
    """
    with opened(url) as storage:
        study = storage.study(name)
        if trial is not None and trial >= (n_trials := storage.progress(study.study_id).n_trials):
            message = f"expected a trial of {name}, which has {n_trials}, received {trial}"
            raise UsageError(Problem("--trial", message, f"`regsearch trials {name}` lists them."))
        failed = storage.logs(study.study_id, trial)
    if format_ == "json":
        print_json([each.to_json() for each in failed])
    elif failed:
        _print(failed)
    else:
        say(f"{name}: no run {'' if trial is None else f'of trial {trial} '}failed.")


def _print(failed: list[RunLog]) -> None:
    """One run below the other; a log that was printed already is not printed again."""
    printed: dict[str, str] = {}
    for number, each in enumerate(failed):
        if number:
            click.echo()
        what = "" if each.purpose.value == "search" else f" of the {each.purpose.value}"
        place = f"trial {each.trial}, fold {each.fold}, repeat {each.repeat}{what}"
        print_lines(f"{place}: {each.error}")
        at = "" if each.at is None else f", {each.at:%Y-%m-%d %H:%M:%S} UTC"
        where = f" on {each.worker}" if each.worker else ""
        print_lines(f"  seed {each.seed}, {show_value(each.seconds)} s{where}{at}")
        if each.log is None:
            continue
        if each.log in printed:
            print_lines(f"  It said what {printed[each.log]} said.")
            continue
        printed[each.log] = place
        print_lines(textwrap.indent(each.log, "  "))
