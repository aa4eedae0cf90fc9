"""A model card: what an export is, what it is for, what it was trained on, what it scores, and what it cannot do.

The headings are those of Mitchell et al. 2019, "Model Cards for Model Reporting", as Hugging Face words them. What a
user named, columns, classes and files, is text in it, never markup.
"""

from __future__ import annotations

import importlib.metadata
import platform
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from search.records import Configuration, Trial, technique_of
from search.records.wording import interval_in_words, show_value
from search.reporting.exports.chosen import Chosen, gather_chosen
from search.reporting.exports.writing import staged
from search.reporting.sentences import sentences_on
from search.reporting.summaries import Best, summarize_best
from search.selection import Ensemble
from search.storage import Storage

_MOST_NAMES = 100
"""Columns and classes that are listed; the export itself holds all."""

_USES = {
    ".keras": "a Keras model, trained once more on all rows that are not sealed",
    ".toml": "a study file that compares it with the baseline",
    ".json": "the configuration, for programs",
    ".yaml": "the configuration, for programs",
    ".yml": "the configuration, for programs",
    ".py": "the source of the model",
}


@dataclass(frozen=True)
class CardFacts:
    """What a card tells.

    Args:
        chosen: What was exported.
        found: What its study came to.
        ensemble: Where the model is a mean of several trials.
        members: Their configurations, by trial.
    """

    chosen: Chosen
    found: Best
    ensemble: Ensemble | None = None
    members: Mapping[int, Configuration] = field(default_factory=dict)


def gather_card(storage: Storage, study: str, trial: int | None = None, ensemble: Ensemble | None = None) -> CardFacts:
    """What the card of an export tells; arguments and errors as in `write_card`."""
    chosen, members = gather_chosen(storage, study, trial), dict[int, Configuration]()
    if ensemble is not None:
        trials = storage.trials(chosen.study.study_id, parameters=False)
        members = {each.number: each.configuration for each in trials if each.number in ensemble.weights}
    return CardFacts(chosen, summarize_best(storage, study), ensemble, members)


def card_path(output: Path) -> Path:
    """Where the card of an export stands: `best.card.md` beside `best.keras`."""
    return output.with_suffix(".card.md")


def write_card(
    storage: Storage, study: str, output: Path, trial: int | None = None, ensemble: Ensemble | None = None
) -> Path:
    """Write the card of an export beside it; the path of the card.

    Args:
        storage: An open database.
        study: The study's name.
        output: The export.
        trial: Another trial than the chosen one that was exported.
        ensemble: The ensemble that was exported.

    Raises:
        UnknownStudyError: There is no such study.
        StudyFailedError: No trial of the study has a score.
        UsageError: There is no such trial, or the card cannot be written there.
    """
    facts = gather_card(storage, study, trial, ensemble)
    path = card_path(output)
    with staged(path) as written:
        written.write_text(model_card(facts, [output.name]), encoding="utf-8", newline="\n")
    return path


def model_card(facts: CardFacts, files: Sequence[str]) -> str:
    """The card as Markdown.

    Args:
        facts: What it tells.
        files: Names of the exported files that it stands beside.
    """
    parts = (_details, _uses, _data, _training, _evaluation, _limitations)
    lines = [f"# Model card: {_text(facts.chosen.study.name)}", ""]
    for part in parts:
        lines += [*part(facts), ""]
    return "\n".join([*lines, *_getting_started(facts, files), "", *_versions(), ""])


def _details(facts: CardFacts) -> Iterator[str]:
    chosen, study = facts.chosen, facts.chosen.study
    task = {"binary": "a classification of two classes", "regression": "a regression"}
    yield "## Model details"
    yield ""
    kind = task.get(study.facts.task, "a classification")
    is_baseline = (
        facts.ensemble is None and chosen.baseline is not None and chosen.baseline.number == chosen.best.number
    )
    what = "which regsearch left as it was given" if is_baseline else "which regsearch regularized"
    yield f"A Keras model for {kind}, {what}. Out of {chosen.n_trials:,} trials of the study"
    if facts.ensemble is not None:
        shares = ", ".join(f"{weight:.0%} trial {trial}" for trial, weight in facts.ensemble.weights.items())
        yield f'"{_text(study.name)}" it is the weighted mean of several: {shares}.'
        return
    chosen_trial = facts.found.choice.chosen
    configuration = _configuration(facts, chosen.best.configuration)
    yield f'"{_text(study.name)}" it is trial {chosen.best.number}: {configuration}.'
    if chosen_trial is not None and chosen_trial.number != chosen.best.number:
        yield ""
        yield f"**Not the choice of the study**: that is trial {chosen_trial.number}."


def _uses(facts: CardFacts) -> Iterator[str]:
    study = facts.chosen.study
    yield "## Intended use"
    yield ""
    predicted = "the class" if study.facts.classes else "numbers"
    yield f"To predict {predicted} of rows like those that it was trained on: same columns or shapes, same units,"
    yield "same origin. It was not examined for other rows, nor for its effect on groups of people; who decides about"
    yield "people with it has to do that first."


def _data(facts: CardFacts) -> Iterator[str]:
    study, data = facts.chosen.study, facts.chosen.spec.data
    told, rows = study.facts, study.facts.rows
    yield "## Data"
    yield ""
    table = [("source", _text(data.source))]
    if data.path is not None:
        table.append(("file", _text(Path(data.path).name)))
    if columns := [column for names in data.targets.values() for column in names]:
        table.append(("target", _names(columns)))
    table.append(("SHA-256 of all rows", study.data_sha256))
    table.append(
        (
            "rows",
            f"{rows.train:,} train, {rows.stop:,} tell when to stop, {rows.validation:,} score (of the first fold); "
            f"{rows.test:,} sealed; a model that is exported trained on all that are not sealed",
        )
    )
    if told.classes:
        table.append(("classes, by index", _names(told.classes)))
    if told.named_outputs:
        table.append(("outputs", _names([f"{name} ({task})" for name, _, task in told.named_outputs])))
    if told.inputs:
        table.append((f"inputs ({len(told.inputs):,})", _names(told.inputs)))
    elif told.named_inputs:
        table.append(("inputs", _names([f"{name} {shape}" for name, shape in told.named_inputs])))
    else:
        table.append(("shape of a row", str(told.input_shape)))
    if prepared := _preparation(facts):
        table.append(("preparation", prepared))
    yield from _table(("", ""), table)


def _preparation(facts: CardFacts) -> str:
    """What happens to raw rows; a trained model does it itself."""
    told, data = facts.chosen.study.facts, facts.chosen.spec.data
    steps = []
    if told.scaled_bytes:
        steps.append("bytes are divided by 255")
    if told.inputs and data.missing is not None:
        steps.append(f"missing cells: {data.missing}")
    if any(" = " in name for name in told.inputs):
        steps.append("categories are inputs of 0 and 1")
    if data.standardize:
        steps.append("numeric inputs are standardized")
    if data.scale_target:
        steps.append("targets are standardized, and predictions are in their own unit")
    return "; ".join(steps)


def _training(facts: CardFacts) -> Iterator[str]:
    chosen = facts.chosen
    training, model = chosen.spec.training, chosen.spec.model
    yield "## Training"
    yield ""
    named = model.family or model.builder or model.keras or ""
    widths = f", hidden layers of {show_value(model.hidden)} units" if model.hidden else ""
    optimizer = training.optimizer if isinstance(training.optimizer, str) else training.optimizer.name
    rate = f", learning rate {show_value(training.learning_rate)}"
    yield f"- Model: {_text(named)}{widths}"
    for own in chosen.study.facts.own_regularization:
        yield f"- The model brings of its own: {_text(own)}"
    yield f"- Optimizer: {_text(optimizer)}{rate}"
    yield f"- At most {training.epochs:,} epochs of batches of {training.batch_size:,}"
    yield f"- Engine: {_text(training.engine)}, {_text(training.precision)}"
    if facts.ensemble is not None:
        for number, configuration in facts.members.items():
            yield f"- Trial {number}: {_configuration(facts, configuration)}"
        return
    for name, value in chosen.best.configuration.items():
        yield f"- {_text(name)}: {_text(show_value(value))}{_meaning(name)}"
    if not chosen.best.configuration:
        yield f"- Regularization that was searched: none, this is {_text(chosen.study.facts.baseline_in_words)}"


def _meaning(name: str) -> str:
    """What a technique is, in words."""
    from search.techniques import TECHNIQUES

    technique = TECHNIQUES.get(technique_of(name) or "")
    return "" if technique is None else f" ({_text(technique.domain.meaning)}; {_text(technique.domain.source)})"


def _evaluation(facts: CardFacts) -> Iterator[str]:
    chosen, found = facts.chosen, facts.found
    study, verdict = chosen.study, chosen.verdict
    yield "## Evaluation"
    yield ""
    good = "low" if study.direction == "minimize" else "high"
    yield f"Scores are {_text(study.metric)} on validation rows, without penalties; {good} is good."
    yield ""
    shown: list[tuple[str, Trial | None]] = [("baseline", chosen.baseline)]
    if chosen.baseline is None or chosen.baseline.number != chosen.best.number:
        shown.append((f"trial {chosen.best.number}", chosen.best))
    rows, level = [], 0.95 if verdict is None else verdict.level
    has_reference = verdict is not None and verdict.has_reference
    for label, trial in shown:
        finalist = None if verdict is None or trial is None else verdict.finalist(trial.number)
        difference = None if finalist is None else finalist.difference
        rows.append(
            (
                label,
                show_value(None if trial is None else trial.score),
                show_value(None if finalist is None else finalist.score),
                *([show_value(None if finalist is None else finalist.expected)] if has_reference else []),
                show_value(None if difference is None else difference.mean),
                show_value(None) if difference is None else interval_in_words(difference),
            )
        )
    scores = ["in the search", "confirmed", *(["expected"] if has_reference else [])]
    yield from _table(("", *scores, "confirmed better than the baseline by", f"{level:.0%} interval"), rows)
    yield ""
    yield f'What the study "{_text(study.name)}" found:'
    yield ""
    for sentence in sentences_on(found):
        first, *further = sentence.splitlines()
        indent = "  " if first.startswith(" ") else ""  # it belongs to the one before
        yield f"{indent}- {_text(first.strip())}"
        yield from (f"{indent}  {_text(line.strip())}" for line in further)
    if facts.ensemble is not None and facts.ensemble.estimate is not None:
        estimate = facts.ensemble.estimate
        low, high = (show_value(end) for end in estimate.interval)
        yield f"- The ensemble is estimated to score {show_value(estimate.score)} on other rows"
        yield f"  ({estimate.level:.0%} interval {low} to {high})."


def _limitations(facts: CardFacts) -> Iterator[str]:
    study = facts.chosen.study
    yield "## Limitations"
    yield ""
    if facts.chosen.verdict is None:
        yield "- Nothing is confirmed: the score was the best of many, which is partly luck."
    if not study.facts.rows.test:
        yield "- No rows were sealed: all scores are of rows that took part in the search."
    elif not facts.found.is_clean:
        yield "- The sealed rows were looked at before the search had ended."
    for note in study.notes:
        yield f"- {_text(note)}"
    yield "- Scores hold for rows of the same origin; where the world changes, score it anew."


def _getting_started(facts: CardFacts, files: Sequence[str]) -> Iterator[str]:
    yield "## How to use it"
    for name in files:
        suffix = Path(name).suffix
        yield ""
        yield f"{_text(name)}: {_USES.get(suffix, 'an export')}"
        if suffix == ".keras":
            yield from _using_model(facts, name)
        elif suffix == ".toml":
            yield ""
            yield from _code("sh", [f"regsearch run {_shell(name)}"])


def _using_model(facts: CardFacts, name: str) -> Iterator[str]:
    told = facts.chosen.study.facts
    rows = "rows.csv" if told.inputs or (len(told.input_shape) == 1 and not told.named_inputs) else "rows.npz"
    yield ""
    yield "Raw rows go in, written as they were for the study; the model prepares them itself."
    yield ""
    yield from _code("sh", [f"regsearch predict {_shell(name)} {rows} -o predicted.csv"])
    yield ""
    load = ["import keras", "", f"model = keras.saving.load_model({name!a})"]
    if told.inputs:
        load.insert(1, "import tensorflow as tf")
        gives = 'told["label"] and told["probabilities"]' if told.classes else "told: the numbers"
        if told.named_outputs:
            gives = "told has an array for each output"
        use = [
            "columns = {...}  # by its name each column, a Series or an array: dict(frame)",
            "# Numbers; text; dates as days since 1970-01-01. Where it is missing NaN, of text the empty text.",
            # Keras' own `predict` refuses a dictionary of Series of text (3.15).
            "told = model.predict(tf.data.Dataset.from_tensor_slices(columns).batch(256))",
            f"# {gives}",
        ]
    else:
        use = ["told = model.predict(rows)  # raw arrays; what the last layer gives, classes in the order above"]
    yield from _code("python", [*load, *use])


def _versions() -> Iterator[str]:
    yield "## Versions"
    yield ""
    told = [f"Python {platform.python_version()}"]
    for package in ("regsearch", "keras", "tensorflow"):
        try:
            told.append(f"{package} {importlib.metadata.version(package)}")
        except importlib.metadata.PackageNotFoundError:
            continue
    yield f"Written with {', '.join(told)}."


def _configuration(facts: CardFacts, configuration: Configuration) -> str:
    told = ", ".join(f"{name} {show_value(value)}" for name, value in configuration.items())
    return _text(told or facts.chosen.study.facts.baseline_in_words)


def _names(names: Sequence[str]) -> str:
    """Names as a list; the first of very many."""
    listed = ", ".join(_text(name) for name in names[:_MOST_NAMES])
    more = len(names) - _MOST_NAMES
    return f"{listed} and {more:,} more" if more > 0 else listed


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """A table of cells that are Markdown already."""
    yield f"| {' | '.join(header)} |"
    yield f"|{' --- |' * len(header)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"


def _code(language: str, lines: Sequence[str]) -> Iterator[str]:
    """A block of code, whose fence is longer than any in it."""
    ticks = max((len(run) for line in lines for run in re.findall("`+", line)), default=0)
    fence = "`" * max(3, ticks + 1)
    yield f"{fence}{language}"
    yield from lines
    yield fence


def _shell(name: str) -> str:
    return _line(shlex.quote(f"./{name}" if name.startswith("-") else name))


def _text(text: object) -> str:
    """A text in one line without anything that Markdown or HTML takes for markup."""
    escaped = _line(str(text)).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    escaped = re.sub(r"([\\`*\[\]|~#$])", r"\\\1", escaped)
    # Inside a word an underscore is text; at its edge it may be emphasis.
    escaped = re.sub(r"(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])", r"\\_", escaped)
    return f"\\{escaped}" if escaped.startswith(("-", "+", "=")) else escaped


def _line(text: str) -> str:
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in " ".join(text.splitlines()))
