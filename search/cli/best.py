"""`regsearch best`: the chosen configuration against the baseline."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import click

from search.cli._options import format_option, name_argument, opened, storage_option
from search.cli._render import print_json, print_lines, print_table
from search.records.wording import better, show_value, verdict_lines

if TYPE_CHECKING:
    from search.records import Trial
    from search.reporting.summaries import Best
    from search.selection import Choice, ConstantGuess


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
    study, choice = found.study, found.choice
    if choice.best is None:
        print_lines(f"{study.name}: no trial has a score yet.")
        return
    _print_table(found)
    if study.facts.own_regularization:
        print_lines(f"The baseline is {study.facts.baseline_in_words}.")
    click.echo()
    for line in _lines_on_choice(found):
        print_lines(line)
    if choice.verdict is None:
        lines = _lines_on_learning(found)
    else:
        lines = _lines_on_training(found) if choice.verdict.answer == "nothing to learn" else []
    for line in (*lines, *look_lines(found), *(f"Advice: {advice}" for advice in found.advice)):
        print_lines(line)


def look_lines(found: Best) -> list[str]:
    """What was seen of the sealed rows, and how often they were looked at; or that there are none."""
    study, seen = found.study, found.seen
    if not study.facts.rows.test:
        return [] if found.choice.verdict is None else [_without_sealed_rows(found)]
    if seen is None or seen.result is None:
        return []
    result = seen.result
    if "error" in result:
        return [f"The sealed rows were looked at, and could not be scored: {result['error']}."]
    told = [f"{name} {show_value(result[name]['score'])}" for name in ("baseline", "chosen") if name in result]
    if "baseline" in result and result["baseline"]["trial"] == result["chosen"]["trial"]:
        told = [f"baseline and choice {show_value(result['chosen']['score'])}"]
    elif result.get("interval") is not None:
        low, high = result["interval"]
        told.append(
            f"{show_value(abs(result['difference']))} {better(study.direction, worse=result['difference'] < 0)}, "
            f"{result['level']:.0%} interval of the gain {show_value(low)} to {show_value(high)}"
        )
    times = "once" if len(found.looks) == 1 else f"{len(found.looks)} times"
    lines = [f"On {result['n_rows']:,} sealed rows, looked at {times}: {'; '.join(told)}."]
    lines += [
        f"  look {number}: {look.at:%Y-%m-%d %H:%M} UTC, after {look.n_trials} trials, rows {look.rows_sha256[:8]}: "
        f"{look.command}"
        for number, look in enumerate(found.looks, start=1)
    ]
    if not found.is_clean:
        lines.append("No longer clean: trials were added after a look.")
    return lines


def _without_sealed_rows(found: Best) -> str:
    """What there is instead of sealed rows."""
    estimate = None if found.choice.verdict is None else found.choice.verdict.estimate
    nothing = "No rows are sealed (split.test = 0)"
    if estimate is None:
        return f"{nothing}: nothing here estimates what comes of rows that nobody has seen."
    low, high = estimate.interval
    return (
        f"{nothing}: what estimates the score on rows that nobody has seen is the bootstrap of the selection alone, "
        f"{show_value(estimate.score)} ({estimate.level:.0%} interval {show_value(low)} to {show_value(high)})."
    )


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


def _lines_on_choice(found: Best) -> list[str]:
    """What to make of the difference between the choice and the baseline."""
    study, choice = found.study, found.choice
    if choice.baseline is None or choice.gain is None:
        return ["The baseline has no score, so nothing says whether regularization helped."]
    if choice.verdict is not None:
        return verdict_lines(choice.verdict, study, found.n_trials)
    if choice.gain <= 0:
        return [f"No gain: nothing that was tried scored better than {study.facts.baseline_in_words}."]
    told = (
        f"The best of {found.n_trials} trials scores {show_value(choice.gain)} {better(study.direction)} than the "
        "baseline on the validation rows.\n"
        "The best of many is partly luck: on fresh rows expect a smaller difference."
    )
    if found.undecided is not None:
        told += f"\nNothing is confirmed: {found.undecided}."
    if found.awaits_confirmation:
        told += f"\nIt is not confirmed yet: `regsearch run` goes on with {study.name}."
    return [told]


def _lines_on_learning(found: Best) -> list[str]:
    """What to make of a study that learned nothing, by how much; none where it learned, or where that is open."""
    constant = found.constant
    if constant is None or constant.learned is not False:
        return []
    return [_against_guess(found, constant), *_lines_on_training(found)]


def _lines_on_training(found: Best) -> list[str]:
    """Why nothing may have been learned."""
    fit = found.training_fit
    if fit is None:
        # The loss of a guess is not known, so that nothing tells whether the net has learned the rows that train.
        return ["There is nothing to learn here, too few rows to tell, or too little training."]
    if not fit.is_undertrained:
        return ["There is nothing to learn here, or too few rows to tell."]
    training = found.study.spec["training"]
    return [
        f"Undertrained: on the very rows that train the loss is {show_value(fit.loss)}, and a constant guess has "
        f"{show_value(fit.constant)}.\n"
        f"Raise training.learning_rate (now {training['learning_rate']:g}) or training.epochs (now "
        f"{training['epochs']:,}){', let training.schedule last longer' if training.get('schedule') else ''}, or widen "
        "the net, before you regularize it.",
    ]


def _against_guess(found: Best, constant: ConstantGuess) -> str:
    """The difference to a constant guess in a sentence."""
    if constant.difference > 0:
        return (
            f"The best of {found.n_trials} trials scores {show_value(constant.difference)} "
            f"{better(found.study.direction)} than a constant guess; luck alone explains {show_value(constant.luck)}."
        )
    if constant.difference == 0:
        return "No configuration beats a constant guess: the best one scores the same."
    worse = "higher" if found.study.direction == "minimize" else "lower"
    return f"No configuration beats a constant guess: the best one scores {show_value(-constant.difference)} {worse}."
