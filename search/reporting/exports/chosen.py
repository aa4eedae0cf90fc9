"""What is exported: the chosen configuration of a study and all that it takes to train with it."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from search.errors import StudyFailedError
from search.records import StudyFacts, StudyRecord, Trial, Verdict
from search.reporting.summaries import summarize_best
from search.selection import find_trial, no_score_remedy
from search.spec import StudySpec, spec_from_json
from search.storage import Storage

_PREPARING = {
    *("standardize", "scale_target", "missing", "min_frequency", "target_encode", "dates"),
    *("columns", "drop", "separator", "decimal", "na_values", "encoding"),
}
"""Keys of [data] that tell what becomes of raw rows before they reach the model."""


@dataclass(frozen=True)
class Chosen:
    """The chosen trial of a study.

    Args:
        study: The study's record.
        spec: Its resolved file, with the searched settings of the trial in place.
        best: The chosen trial.
        baseline: Trial 0, when it has a score.
        n_trials: Trials that ended.
        verdict: Of the study; None before it is confirmed.
    """

    study: StudyRecord
    spec: StudySpec
    best: Trial
    baseline: Trial | None
    n_trials: int
    verdict: Verdict | None = None

    def to_document(self) -> dict[str, Any]:
        """The choice as plain values, without anything that is None."""
        document: dict[str, Any] = {
            "study": self.study.name,
            "metric": self.study.metric,
            "direction": self.study.direction,
            "n_trials": self.n_trials,
            "trial": self.best.number,
            "score": self.best.score,
        }
        if self.baseline is not None:
            document["baseline_score"] = self.baseline.score
        document["configuration"] = _plain(dict(self.best.configuration))
        document["model"] = _plain(self.spec.model.model_dump(exclude_none=True))
        document["training"] = _plain(self.spec.training.model_dump(exclude_none=True))
        document["preparation"] = _plain(self.spec.data.model_dump(include=_PREPARING, exclude_none=True))
        document["data"] = {"sha256": self.study.data_sha256, **_exported(self.study.facts)}
        return document


def gather_chosen(storage: Storage, name: str, trial: int | None = None) -> Chosen:
    """The chosen trial of a study, or another one, with its settings.

    Raises:
        UnknownStudyError: There is no such study.
        StudyFailedError: No trial of the study has a score.
        UsageError: There is no such trial, or it has no score.
    """
    found = summarize_best(storage, name)
    chosen = found.choice.chosen
    if trial is not None:
        chosen = find_trial(found.study, storage.trials(found.study.study_id), trial)
    if chosen is None:
        remedy = no_score_remedy(name, found.n_trials)
        raise StudyFailedError(f"{name}: expected a trial with a score to export, received none so far. {remedy}")
    spec = spec_from_json(found.study.spec).configured(chosen.configuration)
    return Chosen(found.study, spec, chosen, found.choice.baseline, found.n_trials, found.choice.verdict)


def _exported(facts: StudyFacts) -> dict[str, Any]:
    """What an export says of the data."""
    document: dict[str, Any] = {
        "task": facts.task,
        "classes": list(facts.classes),
        "input_shape": list(facts.input_shape),
        "inputs": list(facts.inputs),
        "scaled_bytes": facts.scaled_bytes,
        "n_targets": facts.n_targets,
        "rows": dataclasses.asdict(facts.rows),
    }
    if facts.model_sha256 is not None:
        document["model_sha256"] = facts.model_sha256
    if facts.loss_sha256 is not None:
        document["loss_sha256"] = facts.loss_sha256
    if facts.own_regularization:
        document["own_regularization"] = list(facts.own_regularization)
    if facts.constant_scores:
        document["constant_scores"] = list(facts.constant_scores)
    return document


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(entry) for key, entry in value.items()}
    return [_plain(entry) for entry in value] if isinstance(value, tuple | list) else value
