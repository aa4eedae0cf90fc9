"""All that a report tells, gathered from the storage."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import TYPE_CHECKING

from search.errors import UsageError
from search.records import ABLATION_KIND, ABLATION_VERSION, BASELINE_TRIAL, Ablation, RunSummary, Trial
from search.records.wording import (
    candidate_in_words,
    data_in_words,
    describe_configuration,
    interval_in_words,
    part_in_words,
    parts_in_words,
    question_in_words,
    show_value,
)
from search.reporting.exports import EXPORTS, TextExport, gather_chosen
from search.reporting.plots import KINDS, draw_kind
from search.reporting.plots.gathering import gather_plotted
from search.reporting.sentences import sentences_on
from search.reporting.summaries import Best, summarize_best
from search.spec import RESULT

if TYPE_CHECKING:
    from search.figures import Figure
    from search.storage import Storage


_NO_WORD = re.compile(r"[^0-9A-Za-z_]+")
"""What an anchor has none of."""


@dataclass(frozen=True)
class Table:
    """A table of texts.

    Args:
        caption: What it shows.
        headers: Of its columns.
        rows: Their texts.
        words: Sentences on it.
    """

    caption: str
    headers: Sequence[str]
    rows: Sequence[Sequence[str]]
    words: Sequence[str] = ()

    @classmethod
    def of(cls, caption: str, headers: Sequence[str], rows: Sequence[Sequence[object]], *words: str) -> Table:
        """A table of values, as people read them."""
        return cls(caption, headers, [[show_value(value) for value in row] for row in rows], words)


@dataclass(frozen=True)
class Report:
    """What the page tells.

    Args:
        name: The study.
        question: What it asked.
        answer: The verdict in a word: `helps`, `no gain`, `nothing to learn`, or `not confirmed`.
        sentences: What to make of the choice, the verdict first.
        tables: Choice against baseline, finalists, parts, norms.
        figures: Anchor to figure.
        configuration: The choice, ready to copy, as TOML.
        notes: On data, split and settings.
        facts: What was run on what: name to value.
    """

    name: str
    question: str
    answer: str
    sentences: Sequence[str]
    tables: Sequence[Table]
    figures: Mapping[str, Figure]
    configuration: str
    notes: Sequence[str] = ()
    facts: Mapping[str, str] = field(default_factory=dict)


def gather_report(storage: Storage, name: str) -> Report:
    """All that there is to tell of a study.

    Raises:
        UnknownStudyError: There is no such study.
        StudyFailedError: No trial of the study has a score.
    """
    chosen = gather_chosen(storage, name)
    found = summarize_best(storage, name)
    study, verdict = found.study, found.choice.verdict
    toml = EXPORTS["toml"]
    assert isinstance(toml, TextExport)
    return Report(
        name=name,
        question=question_in_words(study),
        answer="not confirmed" if verdict is None else verdict.answer,
        sentences=sentences_on(found),
        tables=list(_tables(storage, found)),
        figures=dict(_figures(storage, found)),
        configuration=toml.render(chosen).partition(f"\n[{RESULT}]")[0] + "\n",  # which the page tells besides
        notes=study.notes,
        facts=_facts(storage, found),
    )


def _tables(storage: Storage, found: Best) -> Iterator[Table]:
    yield _against_baseline(storage, found)
    verdict, study = found.choice.verdict, found.study
    if verdict is not None:
        configurations = {trial.number: trial.configuration for trial in storage.trials(study.study_id)}
        rows = [
            [
                each.trial,
                describe_configuration(configurations[each.trial], study.facts),
                each.search_score,
                each.end if each.score is None else each.score,
                *([each.expected] if verdict.has_reference else []),
                None if each.difference is None else each.difference.mean,
                None if each.difference is None else interval_in_words(each.difference),
                each.repeats,
            ]
            for each in verdict.finalists
        ]
        headers = ["trial", "configuration", "in the search", "confirmed"]
        headers += ["expected"] if verdict.has_reference else []
        headers += ["confirmed gain", f"{verdict.level:.0%} interval", "repeats"]
        words = [f"{candidate_in_words(verdict)}."]
        if verdict.has_reference:
            words.append(
                "Expected scores are by what all trials together hold likely of each row: they decide whether it beats "
                "the baseline."
            )
        yield Table.of("Finalists on fresh divisions of the rows", headers, rows, *words)
    ablation = _ablation(storage, found)
    if ablation is not None:
        yield _parts(ablation, study.metric)


def _against_baseline(storage: Storage, found: Best) -> Table:
    """Scores, epochs, gap and norms of baseline and choice, a row a measure."""
    study, choice = found.study, found.choice
    shown = {"baseline": choice.baseline, "chosen": choice.chosen}
    if choice.chosen is not None and choice.chosen.number == BASELINE_TRIAL:
        shown = {"baseline and choice": choice.chosen}
    trials = {label: trial for label, trial in shown.items() if trial is not None}
    verdict = choice.verdict
    finalists = {} if verdict is None else {each.trial: each for each in verdict.finalists}
    again = [finalists.get(trial.number) for trial in trials.values()]
    runs = {
        label: [run for run in storage.runs(study.study_id, trial.number) if run.score is not None]
        for label, trial in trials.items()
    }
    losses = {label: _losses(storage, study.study_id, of) for label, of in runs.items()}
    expected: list[object] = []
    if verdict is not None and verdict.has_reference:
        expected = [None if each is None else each.expected for each in again]
    measures: list[tuple[str, list[object]]] = [
        ("trial", [trial.number for trial in trials.values()]),
        ("configuration", [describe_configuration(trial.configuration, study.facts) for trial in trials.values()]),
        (f"{study.metric} in the search", [trial.score for trial in trials.values()]),
        (f"{study.metric} confirmed", [None if each is None else each.score for each in again]),
        (f"{study.metric} expected, which decides", expected),
        (f"{study.metric} on sealed rows", [found.sealed_score(trial) for trial in trials.values()]),
        ("loss of rows that train", [losses[label][0] for label in trials]),
        ("loss of rows that score", [losses[label][1] for label in trials]),
        ("gap of the two", [_difference(*losses[label]) for label in trials]),
        ("epochs trained", [_mean([run.epochs_trained for run in runs[label]]) for label in trials]),
    ]
    layers = list(dict.fromkeys(layer for of in runs.values() for run in of for layer in run.weight_norms))
    measures += [
        (f"norm of the weights of {layer}", [_mean_norm(runs[label], layer) for label in trials]) for layer in layers
    ]
    rows = [[measure, *values] for measure, values in measures if any(value is not None for value in values)]
    caption = "The choice against the baseline" if len(trials) > 1 else "The choice"
    return Table.of(caption, ["", *trials], rows)


def _losses(storage: Storage, study_id: int, runs: Sequence[RunSummary]) -> tuple[float | None, float | None]:
    """Losses without penalties where the weights were kept, means over runs: of rows that train, and that score."""
    kept = [
        (float(curve.train_loss[run.best_epoch - 1]), float(curve.validation_loss[run.best_epoch - 1]))
        for run in runs
        if run.best_epoch
        for curve in [storage.curve(study_id, run.trial, run.fold, run.repeat)]
    ]
    return _mean([train for train, _ in kept]), _mean([scored for _, scored in kept])


def _mean(values: Sequence[float]) -> float | None:
    return fmean(values) if values else None


def _mean_norm(runs: Sequence[RunSummary], layer: str) -> float | None:
    return _mean([run.weight_norms[layer] for run in runs if layer in run.weight_norms])


def _difference(first: float | None, second: float | None) -> float | None:
    return None if first is None or second is None else second - first


def _ablation(storage: Storage, found: Best) -> Ablation | None:
    """What the parts of this very choice are worth; None where that was not asked for."""
    stored, chosen = storage.analysis(found.study.study_id, ABLATION_KIND), found.choice.chosen
    if stored is None or stored.document.get("version") != ABLATION_VERSION or chosen is None:
        return None
    ablation = Ablation.from_json(stored.document)
    return ablation if ablation.is_of(chosen) else None


def _parts(ablation: Ablation, metric: str) -> Table:
    removals = [*((part_in_words(each, ablation), each) for each in ablation.parts)]
    if ablation.everything is not None:
        removals.append(("everything", ablation.everything))
    rows = [
        [
            label,
            removal.error or removal.score,
            None if removal.worth is None else removal.worth.mean,
            None if removal.worth is None else removal.worth.standard_error,
        ]
        for label, removal in removals
    ]
    headers = ["without", metric, "worth", "standard error"]
    return Table.of("What each part of the choice is worth", headers, rows, *parts_in_words(ablation))


def _figures(storage: Storage, found: Best) -> Iterator[tuple[str, Figure]]:
    """The figures for which there is something to draw."""
    plotted = gather_plotted(storage, found.study)
    for kind in KINDS:
        for over in found.study.spec["space"] if kind == "path" else [None]:
            try:
                figure = draw_kind(plotted, kind, over)
            except UsageError:  # not known yet, or not of such data
                continue
            yield kind if over is None else f"path-{_NO_WORD.sub('-', over)}", figure


def _facts(storage: Storage, found: Best) -> dict[str, str]:
    study = found.study
    rows = study.facts.rows
    used = {"train": rows.train, "stop": rows.stop, "score": rows.validation, "sealed": rows.test}
    ended = [trial for trial in storage.trials(study.study_id) if trial.state.is_final]
    return {
        "trials": f"{len(ended):,} of {study.n_trials:,}{_states(ended)}",
        "rows": ", ".join(f"{count:,} {use}" for use, count in used.items() if count),
        "data": f"{data_in_words(study.spec['data'])}, SHA-256 {study.data_sha256[:16]}",
        "begun": f"{study.created:%Y-%m-%d %H:%M} UTC, seed {study.spec['study']['seed']}",
        "looks at sealed rows": str(len(found.looks)) if rows.test else "there are none",
        **({"versions": ", ".join(f"{name} {of}" for name, of in study.versions.items())} if study.versions else {}),
    }


def _states(trials: Sequence[Trial]) -> str:
    counts: dict[str, int] = {}
    for trial in trials:
        counts[trial.state.value.lower()] = counts.get(trial.state.value.lower(), 0) + 1
    return f" ({', '.join(f'{count:,} {state}' for state, count in counts.items())})" if len(counts) > 1 else ""
