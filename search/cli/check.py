"""`regsearch check`: validate a study file."""

from __future__ import annotations

import click

from search.cli._options import set_option
from search.cli._render import say


@click.command(epilog="Example: regsearch check studies/moons.toml --set training.epochs=50")
@click.argument("study")
@set_option
def check(study: str, overrides: tuple[str, ...]) -> None:
    """Validate a study with its data, and print it with every default filled in.

    STUDY is a TOML file or the name of a shipped study. Exit code 0 when it can run, 2 when not.
    """
    from search.preparation.files import prepare_study
    from search.spec import spec_to_toml

    prepared = prepare_study(study, overrides)
    rows = ", ".join(f"{count} {use}" for use, count in prepared.n_rows.items() if count)
    click.echo(spec_to_toml(prepared.spec).rstrip())
    say(
        f"{prepared.spec.study.name}: {prepared.n_trials} trials x {prepared.runs_per_trial} runs; rows of the first "
        f"fold: {rows}"
    )
    for note in prepared.notes:
        say(f"note: {note}")
