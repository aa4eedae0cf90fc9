"""A Python file that builds and compiles the chosen model with Keras alone."""

from __future__ import annotations

from search.models import describe_model, regularize, render_source
from search.reporting.exports.chosen import Chosen


def export_python(chosen: Chosen) -> str:
    """The source of a module with the chosen model; running it needs Keras, not regsearch."""
    facts = chosen.study.facts
    n_outputs = len(facts["classes"]) or facts["n_targets"]
    plain = describe_model(chosen.spec.model, tuple(facts["input_shape"]), n_outputs, facts["task"])
    patience = chosen.best.configuration.get("patience")
    architecture = regularize(plain, chosen.best.configuration, tuple(chosen.spec.space))
    return render_source(
        architecture,
        chosen.spec.training,
        patience=None if patience is None else int(str(patience)),
        comment=_comment(chosen),
    )


def _comment(chosen: Chosen) -> str:
    study, best, baseline = chosen.study, chosen.best, chosen.baseline
    lines = [
        f"The best configuration of the study {study.name} (trial {best.number} of {chosen.n_trials}).",
        "",
        f"{study.metric} on validation rows: {best.score:.6g}"
        + (f"; without regularization: {baseline.score:.6g}." if baseline and baseline.score is not None else "."),
    ]
    classes = study.facts.get("classes")
    if classes:
        pairs = ", ".join(f"{index} is {label}" for index, label in enumerate(classes[:20]))
        lines += ["", f"Class indices: {pairs}{', ...' if len(classes) > 20 else ''}."]
    if chosen.spec.data.standardize:
        lines += [
            "",
            "Inputs were standardized (mean 0, deviation 1, fitted on the training rows) and text columns one-hot",
            "encoded before they reached the model: do the same with yours.",
        ]
    return "\n".join(lines)
