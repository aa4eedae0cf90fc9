"""`regsearch best`: the chosen configuration against the baseline."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import click

from search.cli._options import format_option, name_argument, opened, storage_option
from search.cli._render import print_json, print_lines, print_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from search.reporting.summaries import Best


_MOST_NAMES = 6
"""Names of a space that have a column each; of more, those that are on in neither row are listed below."""


@click.command(epilog="Example: regsearch best moons --format json")
@name_argument
@storage_option
@format_option()
def best(name: str, url: str | None, format_: str) -> None:
    """Show the chosen configuration against the baseline, and the verdict."""
    from search.reporting.summaries import summarize_best

    with opened(url) as storage:
        found = summarize_best(storage, name)
    if format_ == "json":
        print_json(found.to_json())
        return
    print_best(found)


def print_best(found: Best) -> None:
    """Baseline and best side by side, and what to make of the difference."""
    from search.reporting.sentences import sentences_on
    from search.selection import no_score_remedy

    study, choice = found.study, found.choice
    if choice.best is None:
        print_lines(f"{study.name}: no trial has a score yet. {no_score_remedy(study.name, found.n_trials)}")
        return
    _print_table(found)
    if study.facts.own_regularization:
        print_lines(f"The baseline is {study.facts.baseline_in_words}.")
    click.echo()
    for line in sentences_on(found):
        print_lines(line)


def _print_table(found: Best) -> None:
    """A row each for the constant guess, the baseline, the best trial of the search, the candidate and the choice."""
    study, choice = found.study, found.choice
    verdict, shown = choice.verdict, choice.roles
    searched, idle = list(study.spec["space"]), list[str]()
    if len(searched) > _MOST_NAMES:
        used = {name for trial, _ in shown for name in trial.configuration}
        searched, idle = [n for n in searched if n in used], [n for n in searched if n not in used]
    measured = ["zero activations"] if found.zero_shares else []
    finalists = {} if verdict is None else {each.trial: (each.score, each.expected) for each in verdict.finalists}
    again = [] if verdict is None else ["confirmed", *(["expected"] if verdict.has_reference else [])]
    rows = [
        [
            _label(roles),
            trial.number,
            trial.score,
            *finalists.get(trial.number, (None, None))[: len(again)],
            *(found.zero_shares.get(trial.number) for _ in measured),
            *(trial.configuration.get(key, study.facts.absent_in_words(key)) for key in searched),
        ]
        for trial, roles in shown
    ]
    if found.constant is not None:
        of_guess = [] if verdict is None else [verdict.constant]
        empty = (None for _ in (*again[1:], *measured, *searched))
        rows.insert(0, ["constant guess", None, found.constant.score, *of_guess, *empty])
    print_table(["", "trial", study.metric, *again, *measured, *searched], rows)
    where = {1: "", 2: " in both"}.get(len(shown), " in all")
    for word, names in itertools.groupby(sorted(idle, key=study.facts.absent_in_words), study.facts.absent_in_words):
        print_lines(f"Searched, and {word}{where}: {', '.join(names)}.")


def _label(roles: Sequence[str]) -> str:
    """`best and chosen`, `baseline (chosen)`."""
    if roles[0] == "baseline" and len(roles) > 1:
        return f"baseline ({' and '.join(roles[1:])})"
    return " and ".join(roles)
