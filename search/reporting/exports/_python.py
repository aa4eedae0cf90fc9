"""A Python file that reads raw rows, prepares them, and builds and trains the chosen model, without regsearch."""

from __future__ import annotations

import textwrap
from pathlib import Path

from search.coordination.entry import fingerprint_problem
from search.errors import Problem, UsageError
from search.models import (
    SavedModel,
    UntellableError,
    describe_model,
    keeps_own_weights,
    read_model,
    regularize,
    render_source,
    stops_early,
    study_loss,
)
from search.preparation.architectures import searched_options
from search.reporting.exports._base import TextExport
from search.reporting.exports.chosen import Chosen
from search.reporting.exports.script import know_rows, rows_source

_WIDTH = 100


class PythonExport(TextExport):
    """The choice as the source of a module: running it needs Keras, pandas and scikit-learn, not regsearch."""

    name = "python"
    help = "a program that prepares raw rows, trains the model and predicts"
    ending = ".py"

    def render(self, chosen: Chosen) -> str:
        """The source of a module with the chosen model.

        Raises:
            StudyFileError: The study's model is the user's own, and is not to be found or built.
            DataError: The study's rows are a table, which cannot be read.
            UsageError: Model or table is not what it was, or the model has something that has no source.
        """
        if chosen.spec.training.has_own_loss:
            raise _refusal(f'expected a loss of Keras for "{self.name}", received {chosen.spec.training.loss}')
        if chosen.spec.training.callbacks:
            raise _refusal("expected training without callbacks of yours, received training.callbacks")
        if chosen.study.facts.named_outputs:
            names = ", ".join(name for name, *_ in chosen.study.facts.named_outputs)
            raise _refusal(f"expected a model of one output, received one of {names}")
        if chosen.spec.training.unfreeze is not None:
            raise _refusal("expected training in one phase, received training.unfreeze")
        saved = _saved_model(chosen)
        try:
            return _source(chosen, saved)
        except UntellableError as error:
            own = chosen.spec.model.keras or chosen.spec.model.builder
            raise _refusal(f"{error}, of {own}") from error


def _refusal(message: str) -> UsageError:
    return UsageError(Problem("--format", message, "Use --format keras: the trained model as a file."))


def _saved_model(chosen: Chosen) -> SavedModel | None:
    """The user's model, read anew from where the study has it; None for a family's."""
    study, section = chosen.study, chosen.spec.model
    if section.family is not None:
        return None
    facts, folder, place = study.facts, _folder(chosen), f"{study.name} [model]"
    if section.custom is not None:
        raise _refusal(f"expected a model of Keras' own layers, received one with those of {section.custom}")
    saved = read_model(
        section,
        folder,
        place,
        input_shape=facts.input_shape,
        inputs=facts.named_inputs,
        n_outputs=facts.n_outputs,
        task=facts.task,
        timeout_seconds=chosen.spec.data.timeout_seconds,
        variants=searched_options(chosen.spec, lambda *key: f"{study.name} [{'.'.join(key)}]"),
    )
    if saved is None:
        return None
    if saved.texts:
        raise _refusal("expected a model of numbers, received one that takes text")
    remedy = f"Put back what the study was begun with in {folder}."
    if problem := fingerprint_problem(place, "model", facts.model_sha256, saved.sha256, remedy):
        raise UsageError(problem)
    if section.builder is not None and keeps_own_weights(saved):
        raise _refusal(
            f"expected weights that are drawn anew or lie in a .keras file, received those that {section.builder} gives"
        )
    return saved


def _folder(chosen: Chosen) -> Path:
    return Path(chosen.study.facts.folder or ".")


def _source(chosen: Chosen, saved: SavedModel | None) -> str:
    facts, model = chosen.study.facts, chosen.spec.model
    training = chosen.spec.training
    plain = describe_model(
        model,
        facts.input_shape,
        facts.n_outputs,
        facts.task,
        saved,
        f"{chosen.study.name} [model]",
        loss=study_loss(training),
        inputs=facts.named_inputs,
    ).at_precision(training.precision)
    names, configuration = tuple(chosen.spec.space), chosen.best.configuration
    known = know_rows(chosen, plain.loss, stops=stops_early(configuration))
    return render_source(
        regularize(plain, configuration, names),
        training,
        configuration,
        _comment(chosen),
        names,
        classes=facts.classes,
        weights_file="" if model.keras is None else str(_folder(chosen) / model.keras),
        weighted=chosen.spec.data.weight is not None,
        rows=rows_source(known),
    )


def _comment(chosen: Chosen) -> str:
    study, best, baseline = chosen.study, chosen.best, chosen.baseline
    lines = [
        f'Trial {best.number} of the study "{study.name}", one of {chosen.n_trials}.',
        "",
        f"{study.metric} on validation rows: {best.score:.6g}"
        + (f"; baseline: {baseline.score:.6g}." if baseline and baseline.score is not None else "."),
    ]
    classes = study.facts.classes
    if classes:
        labels = (label if label.isprintable() else repr(label) for label in classes)
        pairs = ", ".join(f"{index} is {label}" for index, label in enumerate(labels))
        lines += ["", *_wrapped(f"Class indices: {pairs}.")]
    told = "labels and probabilities" if classes else "values"
    lines += ["", f"`train` takes raw rows, as the study's data has them; `predict` tells {told} of others."]
    if chosen.spec.training.class_weight != "none":
        lines += ["", f"Rows are weighted by their classes in training: {chosen.spec.training.class_weight}."]
    return "\n".join(lines)


def _wrapped(text: str) -> list[str]:
    """All of a text: words may be longer than a line, names of columns say what they say."""
    return textwrap.wrap(text, _WIDTH, break_long_words=False, break_on_hyphens=False)
