"""`regsearch check`: validate a study file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from search.cli._options import set_option, study_argument, trust_option
from search.cli._render import is_quiet, pick_columns, print_table, say

if TYPE_CHECKING:
    from search.data import DataLook
    from search.preparation.study import PreparedStudy


@click.command(epilog="Example: regsearch check studies/moons.toml --set training.epochs=50")
@study_argument
@set_option
@click.option("--train", is_flag=True, help="Train the baseline once, for some seconds, and say what it tells.")
@trust_option
def check(study: str, overrides: tuple[str, ...], train: bool) -> None:
    """Validate a study with its data, look at that, and print the study with every default filled in.

    The look tells kind, missing cells and values of each column, and how well it alone predicts the target on rows that
    it was not fitted on, from 0 to 1: a column that tells it all may come from after the fact.

    With --train the baseline is trained once, on the first fold: whether it learns at all, is trained to its end,
    overfits or leaves nothing to regularize. Nothing is stored.

    STUDY is a TOML file or the name of a shipped study. Exit code 0 when it can run, 2 when not.
    """
    from search.data import look_at
    from search.preparation.files import prepare_study
    from search.spec import spec_to_toml

    prepared = prepare_study(study, overrides)
    rows = ", ".join(f"{count} {use}" for use, count in prepared.n_rows.items() if count)
    click.echo(spec_to_toml(prepared.spec).rstrip())
    say(
        f"{prepared.spec.study.name}: {prepared.n_trials} trials x {prepared.runs_per_trial} runs; rows of the first "
        f"fold: {rows}"
    )
    if not is_quiet():
        _print_look(look_at(prepared.plan.dataset))
    for note in prepared.notes:
        say(f"note: {note}")
    if train:
        _print_first_look(prepared)


def _print_first_look(prepared: PreparedStudy) -> None:
    """How the baseline trains, and what that tells."""
    from search.followup.first_look import take_first_look

    say("")
    if not is_quiet():
        say("Training the baseline on the first fold ...")
    found = take_first_look(prepared)
    n_epochs = len(found.curve.train_loss)
    say(f"{n_epochs:,} of {found.n_epochs:,} epochs, {found.seconds:.1f} s")
    for finding in found.findings:
        click.echo(f"first look: {finding}", err=True)


def _print_look(look: DataLook) -> None:
    """The rows that are not sealed, and each of their columns."""
    say(f"{look.n_rows:,} rows that are not sealed; the target: {look.target}")
    if look.n_unseen:
        say(f"{look.n_unseen:,} columns, too many to look at one by one")
    if not look.columns:
        return
    headers = ["column", "kind", "missing", "different", "values", "alone predicts"]
    rows = [
        [
            column.name,
            column.kind,
            column.missing or None,
            column.different,
            column.values,
            None if column.predicts is None else f"{column.predicts:.2f}",
        ]
        for column in look.columns
    ]
    few = ["column", "kind", "missing", "alone predicts"]
    say("")
    print_table(headers, rows, pick_columns(headers, rows, few), err=True)
    say("")
    if look.n_tried:
        say(f"alone predicts: from 0 (no better than a guess) to 1, on {look.trial_in_words}")
    for column in look.columns:
        if column.is_suspicious:
            say(
                f'note: "{column.name}" alone tells the target ({column.predicts:.2f} of 1, on {look.n_tried:,} rows): '
                "does it come from after the fact, or is it the target?"
            )
