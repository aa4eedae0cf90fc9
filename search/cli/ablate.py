"""`regsearch ablate`: what each part of the choice is worth."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from search.cli._options import format_option, name_argument, opened, quiet_option, storage_option, trust_option
from search.cli._render import pick_columns, print_json, print_lines, print_table
from search.cli._training import again_option, n_jobs_option, repeats_option, scheduler_option, trainers
from search.records.wording import (
    describe_configuration,
    divisions_in_words,
    interval_in_words,
    part_in_words,
    parts_in_words,
)

if TYPE_CHECKING:
    from search.records import Ablation, Removal, StudyRecord


@click.command(epilog="Example: regsearch ablate moons --repeats 10")
@name_argument
@storage_option
@repeats_option
@again_option
@n_jobs_option
@scheduler_option
@format_option()
@trust_option
@quiet_option
def ablate(
    name: str,
    url: str | None,
    repeats: int | None,
    again: bool,
    n_jobs: int | None,
    scheduler: str | None,
    format_: str,
) -> None:
    """Take each part of the choice out in turn, and show what it is worth.

    What is left is trained on the rows and with the seeds that confirmed the choice. The result is stored, and shown
    again until the choice changes.
    """
    from search.followup.ablation import ablate as find_worth

    with opened(url) as storage:
        found = find_worth(storage, name, repeats=repeats, again=again, trainers=trainers(n_jobs, scheduler))
        study = storage.study(name)
    if format_ == "json":
        print_json({"study": study.name, "metric": study.metric, "direction": study.direction, **found.to_json()})
        return
    print_ablation(found, study)


def print_ablation(found: Ablation, study: StudyRecord) -> None:
    """A row for each part, and which of them help."""
    whole = describe_configuration(found.whole.configuration, study.facts)
    fresh = divisions_in_words(found.repeats, scores_other_rows=found.scores_other_rows)
    print_lines(f"{study.name}: trial {found.trial} is chosen ({whole}); on {fresh}:\n")
    headers = ["without", study.metric, "worth", f"{found.level:.0%} interval", "expected worth", "error", "train loss"]
    shown = [("(the choice)", found.whole), *((part_in_words(each, found), each) for each in found.parts)]
    if found.everything is not None:
        shown.append(("everything", found.everything))
    rows = [[label, *_measures(removal)] for label, removal in shown]
    few = pick_columns(headers, rows, [*headers[:4], headers[-1]])
    if found.whole.expected is None:  # no reference tells what is expected
        print_table(*few)
    else:
        print_table(headers, rows, few)
    click.echo()
    for line in parts_in_words(found):
        print_lines(line)


def _measures(removal: Removal) -> list[object]:
    difference, expected = removal.difference, removal.expected_difference
    return [
        removal.error or removal.score,
        None if difference is None else difference.mean,
        None if difference is None else interval_in_words(difference),
        None if expected is None else expected.mean,
        None if expected is None else expected.standard_error,
        removal.train_loss,
    ]
