"""A summary in sentences: what to make of the choice, and what was seen of rows that nobody had seen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from search.records import BASELINE_TRIAL
from search.records.wording import better, show_value, verdict_lines

if TYPE_CHECKING:
    from collections.abc import Sequence

    from search.reporting.summaries import Best
    from search.selection import ConstantGuess


def sentences_on(found: Best) -> list[str]:
    """All that there is to say of the choice of a study, the verdict first; some texts have several lines."""
    first, *lines = _lines_on_choice(found)
    lines = [first, *_lines_on_contradiction(found), *lines]
    if found.choice.verdict is None:
        lines += _lines_on_learning(found)
    elif found.choice.verdict.answer == "nothing to learn":
        lines += _lines_on_training(found)
    return [*lines, *look_lines(found), *(f"Advice: {advice}" for advice in found.advice)]


def _lines_on_contradiction(found: Best) -> list[str]:
    """That rows which nobody had seen say the contrary of a verdict: it stands right behind it."""
    verdict, chosen = found.choice.verdict, found.choice.chosen
    result = (found.seen.result if found.seen is not None else None) or {}
    difference, seen = result.get("difference"), result.get("chosen")
    if verdict is None or verdict.answer != "helps" or chosen is None or seen is None or difference is None:
        return []
    if seen["trial"] != chosen.number or difference >= 0:
        return []
    amount = f"{show_value(-difference)} {better(found.study.direction, worse=True)}"
    told = f"The sealed rows say otherwise: there the choice scores {amount} than the baseline, which is worse"
    if result.get("interval") is not None and result["interval"][1] < 0:
        return [f"{told}, by more than chance explains. Do not count on a gain: nothing was chosen on those rows."]
    return [f"{told}, though no more than chance explains. Count on no gain before more rows tell."]


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
    chosen = found.choice.chosen
    is_of_choice = chosen is not None and result.get("chosen", {}).get("trial") == chosen.number
    then = "chosen" if is_of_choice or "chosen" not in result else f"trial {result['chosen']['trial']}, chosen then,"
    names = {"baseline": "baseline", "chosen": then}
    told = [f"{name} {show_value(result[key]['score'])}" for key, name in names.items() if key in result]
    if "baseline" in result and result["baseline"]["trial"] == result["chosen"]["trial"]:
        told = [f"baseline{' and choice' if is_of_choice else ''} {show_value(result['chosen']['score'])}"]
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
    if not is_of_choice and chosen is not None:
        lines.append(
            f"Trial {chosen.number}, the choice now, was not scored on them: `regsearch run --look-again` does that, "
            "which counts."
        )
    return lines


def baseline_in_words(found: Best) -> str | None:
    """That a study gives its baseline away, and what else it could; None where the choice is another trial."""
    choice, study = found.choice, found.study
    if choice.chosen is None or choice.chosen.number != BASELINE_TRIAL:
        return None
    why = "nothing that was tried scored better" if choice.verdict is None else choice.verdict.answer
    told = f"The choice of {study.name} is its baseline ({why}): what was written has {study.facts.baseline_in_words}."
    if study.facts.own_regularization:
        told = f"The choice of {study.name} is its baseline ({why}): what was written is the model as it was given."
    rejected = choice.candidate or choice.best
    if rejected is None or rejected.number == BASELINE_TRIAL:
        return told
    return f"{told} `--trial {rejected.number}` writes the {'best' if choice.candidate is None else 'candidate'}."


def warnings_on(studies: Sequence[Best]) -> list[str]:
    """Why what several studies scored may not be compared, a sentence each."""
    told = []
    if len({found.study.metric for found in studies}) > 1:
        told.append("The studies have different metrics: compare rows of one metric only.")
    if len({found.study.data_sha256 for found in studies}) > 1:
        told.append("The studies have different data: their scores say nothing about each other.")
    return told


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


def _lines_on_choice(found: Best) -> list[str]:
    """What to make of the difference between the choice and the baseline."""
    study, choice = found.study, found.choice
    if choice.baseline is None or choice.gain is None:
        return ["The baseline has no score, so nothing says whether regularization helped."]
    if choice.verdict is not None:
        known = [trial for trial in (choice.baseline, choice.best, choice.chosen) if trial is not None]
        configurations = {trial.number: trial.configuration for trial in known}
        return verdict_lines(choice.verdict, study, found.n_trials, configurations)
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
