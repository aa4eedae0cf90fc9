"""Notes on a study and on its trials, and the roles of these, in the Markdown that optuna-dashboard draws."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING

from search.records import BASELINE_TRIAL, StudyRecord, TrialState
from search.records.wording import describe_whole, divisions_in_words, question_in_words, show_value
from search.reporting.sentences import sentences_on

if TYPE_CHECKING:
    from search.records import Coordinator
    from search.reporting.summaries import Best
    from search.selection import Choice
    from search.storage import ObservedTrial, Progress, RunOutline

_MOST_ROWS = 40
"""Of the table of a trial's runs."""


@dataclass(frozen=True)
class Role:
    """What a trial is in its study.

    Args:
        label: In a word or two, for a table.
        sentence: For its note, in Markdown; empty where the note tells it already.
    """

    label: str
    sentence: str


def roles_of(choice: Choice, metric: str) -> dict[int, Role]:
    """Number of a trial to its role: the baseline, the best of the search, finalists, the choice.

    optuna-dashboard marks the best trial of the search alone, which need not be the one that is chosen.

    Args:
        choice: What is chosen.
        metric: Of the study.
    """
    verdict, best = choice.verdict, choice.best
    labels: dict[int, list[str]] = {} if choice.baseline is None else {BASELINE_TRIAL: ["baseline"]}
    sentences: dict[int, list[str]] = {}
    if best is not None:
        labels.setdefault(best.number, []).append("best")
    if verdict is not None:
        for finalist in verdict.finalists:
            labels.setdefault(finalist.trial, ["finalist"])
        labels.setdefault(verdict.chosen, []).append("chosen")
        sentences[verdict.chosen] = ["**Chosen**: what `regsearch best` and `regsearch export` give."]
        if best is not None and best.number != verdict.chosen:
            told = f"**The best of the search**, but not chosen: the choice is trial {verdict.chosen}."
            sentences.setdefault(best.number, []).append(told)
        for finalist in verdict.finalists:
            if finalist.score is not None:
                fresh = divisions_in_words(finalist.repeats, scores_other_rows=verdict.scores_other_rows)
                told = _plain(f"Scored once more, on {fresh}: {metric} {show_value(finalist.score)}.")
                sentences.setdefault(finalist.trial, []).append(told)
    return {number: Role(" and ".join(words), " ".join(sentences.get(number, []))) for number, words in labels.items()}


def choice_in_words(choice: Choice) -> str | None:
    """Which trial is chosen, against the one that optuna-dashboard calls the best; None before the confirmation."""
    if choice.verdict is None or choice.chosen is None or choice.best is None:
        return None
    number, best = choice.chosen.number, choice.best.number
    told = f"trial {number}, the baseline" if number == BASELINE_TRIAL else f"trial {number}"
    return f"{told}, which is the best of the search" if number == best else f"{told}; the best of the search is {best}"


def note_on_study(
    found: Best, progress: Progress, holder: Coordinator | None, pictures: Sequence[str], hints: Sequence[str] = ()
) -> str:
    """What a study asked, what it found or how far it is, and what to type next.

    Args:
        found: Its choice.
        progress: How far it is.
        holder: Who coordinates it now, if anybody does.
        pictures: Words on each figure that the page has.
        hints: Sentences on the page.
    """
    study, verdict = found.study, found.choice.verdict
    lines = [f"**{_plain(question_in_words(study))}**", *_lines_on_progress(found, progress, holder)]
    if found.choice.chosen is not None:
        if verdict is not None:
            lines.append(f"### {verdict.answer.capitalize()}")
        lines += [_sentence(text) for text in sentences_on(found)]
        lines.append(_table(*_against_baseline(found)))
    lines.append("### What to type next")
    lines.append("\n".join(["```", *_commands(found), "```"]))
    if pictures:
        lines.append(f"Figures on the study's first page: {_plain('; '.join(pictures))}.")
    lines += [_plain(hint) for hint in hints]
    if study.notes:
        lines.append("### On data, split and settings")
        lines.append("\n".join(f"- {_plain(note)}" for note in study.notes))
    return "\n\n".join(lines)


def note_on_trial(observed: ObservedTrial, study: StudyRecord, *, brief: bool) -> str:
    """What a trial tried, what came of it and why, run by run.

    Args:
        observed: The trial.
        study: Its study.
        brief: Whether its runs are summed up in a sentence.
    """
    trial = observed.trial
    heading = f"**{_plain(describe_whole(trial.configuration, study))}**"
    if trial.number == BASELINE_TRIAL:
        heading = f"The baseline: {heading}"
    lines = [heading, _plain(outcome_in_words(observed, study))]
    ended = [run for run in observed.runs if run.error is None]
    if ended and brief:
        lines.append(_plain(_runs_in_words(ended, study)))
    elif observed.runs:
        lines.append(
            _table(["fold", "seed", study.metric, "epochs trained", "weights kept after"], _rows(observed.runs))
        )
    return "\n\n".join(lines)


def outcome_in_words(observed: ObservedTrial, study: StudyRecord) -> str:
    """How a trial ended, and why it was cut short or failed."""
    trial, n_runs = observed.trial, len(observed.runs)
    same = (observed.attributes or {}).get("same_as_trial")
    if same is not None:
        told = f"Not trained: its configuration is that of trial {same}, whose outcome it has. "
    else:
        told = ""
    runs = "1 run" if n_runs == 1 else f"{n_runs} runs"
    if trial.state is TrialState.COMPLETE:
        return f"{told}{study.metric} {show_value(trial.score)}" + (f", the mean of {runs}." if n_runs > 1 else ".")
    if trial.state is TrialState.FAIL:
        return f"{told}Failed: {(trial.error or 'nobody knows why').rstrip('.')}."
    if trial.state is TrialState.PRUNED:
        last = f" at step {observed.intermediate[-1][0]:,}" if observed.intermediate else ""
        there = "" if observed.value is None else f", with {study.metric} {show_value(observed.value)} there"
        pruner = study.spec["study"].get("pruner", "none")
        return f"{told}Pruned by {pruner}{last}, after {runs}{there}: it fell behind the trials before it."
    if trial.state is TrialState.RUNNING:
        if not observed.intermediate:
            return "It runs."
        step, value = observed.intermediate[-1]
        return f"It runs: {study.metric} {show_value(value)} at step {step:,}."
    return "Waits: another program enqueued it."


def _lines_on_progress(found: Best, progress: Progress, holder: Coordinator | None) -> Iterator[str]:
    study, counts = found.study, progress.counts
    n_ended = sum(count for state, count in counts.items() if state.is_final)
    odd = [(TrialState.PRUNED, "pruned"), (TrialState.FAIL, "failed"), (TrialState.RUNNING, "running")]
    also = ", ".join(f"{counts[state]:,} {word}" for state, word in odd if counts.get(state))
    told = f"{n_ended:,} of {study.n_trials:,} trials ended{f' ({also})' if also else ''}"
    if holder is not None and (n_ended < study.n_trials or found.choice.verdict is None):
        what = "It drains" if study.stop_requested else "It runs"
        if n_ended >= study.n_trials:
            what = "Its finalists are confirmed"
        yield f"{what}: {told}, by process {holder.pid} on {_plain(holder.host)}. This page follows it."
    elif n_ended < study.n_trials:
        yield f"It stopped: {told}. `regsearch run` goes on with {_plain(study.name)}."
    else:
        yield f"{told}."


def _against_baseline(found: Best) -> tuple[list[str], list[list[str]]]:
    study, choice = found.study, found.choice
    shown = {"baseline": choice.baseline, "chosen": choice.chosen}
    trials = {label: trial for label, trial in shown.items() if trial is not None}
    if choice.verdict is None and choice.chosen is not choice.baseline and "chosen" in trials:
        trials["best so far"] = trials.pop("chosen")
    confirmed = {} if choice.verdict is None else {each.trial: each.score for each in choice.verdict.finalists}
    rows: list[tuple[str, list[object]]] = [
        ("trial", [trial.number for trial in trials.values()]),
        ("configuration", [describe_whole(trial.configuration, study) for trial in trials.values()]),
        (f"{study.metric} in the search", [trial.score for trial in trials.values()]),
        (f"{study.metric} confirmed", [confirmed.get(trial.number) for trial in trials.values()]),
        (f"{study.metric} on sealed rows", [found.sealed_score(trial) for trial in trials.values()]),
    ]
    kept = [[name, *map(show_value, values)] for name, values in rows if any(value is not None for value in values)]
    return ["", *trials], kept


def _commands(found: Best) -> Iterator[str]:
    name = found.study.name
    if found.choice.chosen is None:
        yield f"regsearch status {name}"
        return
    yield f"regsearch best {name}"
    yield f"regsearch report {name} -o {name}.html"
    yield f"regsearch export {name} --format toml -o {name}-chosen.toml"


def _rows(runs: Sequence[RunOutline]) -> list[list[str]]:
    rows = [
        [
            str(run.fold),
            str(run.seed),
            show_value(run.score) if run.error is None else f"failed: {run.error}",
            f"{run.epochs_trained:,}",
            f"{run.best_epoch:,}" if run.best_epoch else show_value(None),
        ]
        for run in runs[:_MOST_ROWS]
    ]
    return rows if len(runs) <= _MOST_ROWS else [*rows, [f"and {len(runs) - _MOST_ROWS} more", "", "", "", ""]]


def _runs_in_words(runs: Sequence[RunOutline], study: StudyRecord) -> str:
    scores = [run.score for run in runs if run.score is not None]
    epochs = [run.epochs_trained for run in runs]
    spread = f" from {show_value(min(scores))} to {show_value(max(scores))}" if len(scores) > 1 else ""
    return f"{study.metric} of {len(runs)} runs{spread}; {fmean(epochs):,.0f} epochs trained in the mean."


def _sentence(text: str) -> str:
    """One text on the choice; what it adds to a sentence, line by line, becomes a list."""
    first, *others = text.splitlines() or [""]
    if not others:
        return _plain(first.strip())
    return "  \n".join(_plain(line.strip()) for line in (first, *others))


def _table(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [headers, ["---"] * len(headers), *rows]
    return "\n".join("| " + " | ".join(_plain(cell).replace("\n", " ") for cell in line) + " |" for line in lines)


def _plain(text: str) -> str:
    """Text as it stands, whatever Markdown makes of its letters; commands between backticks stay commands."""
    return re.sub(r"([\\*<>\[\]|#~])", r"\\\1", text)
