"""A Python file that builds and compiles the chosen model with Keras alone."""

from __future__ import annotations

import textwrap

from search.errors import Problem, UsageError
from search.models import describe_model, regularize, render_source, study_loss
from search.reporting.exports._base import TextExport
from search.reporting.exports.chosen import Chosen

_MOST_LINES = 30


class PythonExport(TextExport):
    """The choice as the source of a module: running it needs Keras, not regsearch."""

    name = "python"
    help = "a file that builds and compiles the model with Keras alone"

    def render(self, chosen: Chosen) -> str:
        """The source of a module with the chosen model.

        Raises:
            UsageError: The study's model or its loss is the user's own, which no source can tell.
        """
        own = chosen.spec.model.keras or chosen.spec.model.builder
        if own is not None:
            message = f'expected a model of a family for "{self.name}", received {own}'
            raise UsageError(Problem("--format", message, "Use --format keras: the trained model as a file."))
        if chosen.spec.training.has_own_loss:
            message = f'expected a loss of Keras for "{self.name}", received {chosen.spec.training.loss}'
            raise UsageError(Problem("--format", message, "Use --format keras: the trained model as a file."))
        return _source(chosen)


def _source(chosen: Chosen) -> str:
    facts = chosen.study.facts
    training = chosen.spec.training
    plain = describe_model(
        chosen.spec.model, facts.input_shape, facts.n_outputs, facts.task, loss=study_loss(training)
    ).at_precision(training.precision)
    names = tuple(chosen.spec.space)
    architecture = regularize(plain, chosen.best.configuration, names)
    return render_source(architecture, training, chosen.best.configuration, _comment(chosen), names)


def _comment(chosen: Chosen) -> str:
    study, best, baseline = chosen.study, chosen.best, chosen.baseline
    lines = [
        f"The best configuration of the study {study.name} (trial {best.number} of {chosen.n_trials}).",
        "",
        f"{study.metric} on validation rows: {best.score:.6g}"
        + (f"; baseline: {baseline.score:.6g}." if baseline and baseline.score is not None else "."),
    ]
    classes = study.facts.classes
    if classes:
        pairs = ", ".join(f"{index} is {label}" for index, label in enumerate(classes[:20]))
        lines += ["", f"Class indices: {pairs}{', ...' if len(classes) > 20 else ''}."]
    lines += _preparation(chosen)
    return "\n".join(lines)


def _preparation(chosen: Chosen) -> list[str]:
    """What happened to rows before they reached the model: whoever feeds it must do the same."""
    facts, lines = chosen.study.facts, list[str]()
    if facts.inputs:
        wrapped = textwrap.wrap(", ".join(facts.inputs), 100)[:_MOST_LINES]
        lines += [
            "",
            "Inputs, in this order; `column = category` is 1 for rows of that category, 0 for others:",
            *wrapped,
        ]
        if len(", ".join(facts.inputs)) > sum(map(len, wrapped)) + len(wrapped):
            lines.append("...")
    if facts.scaled_bytes:
        lines += ["", "Inputs were bytes and were divided by 255."]
    if chosen.spec.data.standardize:
        lines += ["", "Numeric inputs were standardized: mean 0, deviation 1, fitted on the training rows."]
    if chosen.spec.training.class_weight != "none":
        lines += ["", f"Rows were weighted by their classes in training: {chosen.spec.training.class_weight}."]
    if chosen.spec.data.scale_target:
        lines += ["", "Targets were standardized alike: give the model such, and undo it in what it predicts."]
    return lines
