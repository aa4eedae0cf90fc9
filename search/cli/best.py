"""`regsearch best`: the chosen configuration against the baseline."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import click

from search.cli._options import format_option, name_argument, opened, storage_option
from search.cli._render import print_json, print_lines, print_table

if TYPE_CHECKING:
    from search.records import Trial
    from search.reporting.summaries import Best
    from search.selection import Choice


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
    """A row each for the constant guess, the baseline, the best trial of the search and the chosen one."""
    study, choice = found.study, found.choice
    verdict = choice.verdict
    shown = [("baseline", choice.baseline), ("best", choice.best)]
    if verdict is not None and choice.chosen is not None:
        shown = _shown_with(choice, choice.chosen)
    searched, idle = list(study.spec["space"]), list[str]()
    if len(searched) > _MOST_NAMES:
        used = {name for _, trial in shown if trial is not None for name in trial.configuration}
        searched, idle = [n for n in searched if n in used], [n for n in searched if n not in used]
    measured = ["zero activations"] if found.zero_shares else []
    confirmed = {} if verdict is None else {each.trial: each.score for each in verdict.finalists}
    again = [] if verdict is None else ["confirmed"]
    rows = [
        [
            label,
            trial.number,
            trial.score,
            *(confirmed.get(trial.number) for _ in again),
            *(found.zero_shares.get(trial.number) for _ in measured),
            *(trial.configuration.get(key, study.facts.absent_in_words(key)) for key in searched),
        ]
        for label, trial in shown
        if trial is not None
    ]
    if found.constant is not None:
        of_guess = [] if verdict is None else [verdict.constant]
        empty = (None for _ in (*measured, *searched))
        rows.insert(0, ["constant guess", None, found.constant.score, *of_guess, *empty])
    print_table(["", "trial", study.metric, *again, *measured, *searched], rows)
    for word, names in itertools.groupby(sorted(idle, key=study.facts.absent_in_words), study.facts.absent_in_words):
        print_lines(f"Searched, and {word} in {'both' if len(shown) == 2 else 'all'}: {', '.join(names)}.")


def _shown_with(choice: Choice, chosen: Trial) -> list[tuple[str, Trial | None]]:
    """The rows of a study with a verdict: one trial may be best and chosen."""
    if choice.best is None or choice.best.number == chosen.number:
        return [("baseline", choice.baseline), ("best and chosen", chosen)]
    if choice.baseline is not None and choice.baseline.number == chosen.number:
        return [("baseline (chosen)", choice.baseline), ("best", choice.best)]
    return [("baseline", choice.baseline), ("best", choice.best), ("chosen", chosen)]
