"""All that a database tells of its studies, apart from keys and times, which differ from one telling to the next."""

from __future__ import annotations

from typing import Any

from search.records import ABLATION_KIND, ADVICE_KIND, DIAGNOSIS_KIND, SWEEP_KIND, Purpose
from search.storage import Storage, open_storage

_ANALYSES = ((ADVICE_KIND, ""), (DIAGNOSIS_KIND, ""), (ABLATION_KIND, ""), (SWEEP_KIND, "l2"))


def contents(url: str) -> dict[str, Any]:
    """Name to what a study holds, of all studies of a database whose tables are there."""
    with open_storage(url) as storage:
        return {study.name: study_contents(storage, study.name) for study in storage.studies()}


def study_contents(storage: Storage, name: str) -> dict[str, Any]:
    """What one study holds."""
    study = storage.study(name)
    key = study.study_id
    verdict = storage.verdict(key)
    return {
        "asked": (study.direction, study.metric, study.spec, study.facts, study.n_trials, study.notes),
        "trials": [(each.number, each.state, each.score, each.configuration) for each in storage.trials(key)],
        "reports": storage.intermediate_values(key),
        **{purpose.value: _runs(storage, key, purpose) for purpose in (Purpose.SEARCH, Purpose.CONFIRMATION)},
        "verdict": verdict and (verdict.verdict, verdict.n_trials),
        "looks": [(each.command, each.rows_sha256, each.n_trials, each.result) for each in storage.looks(key)],
        "analyses": [stored and stored.document for stored in (storage.analysis(key, *each) for each in _ANALYSES)],
    }


def _runs(storage: Storage, key: int, purpose: Purpose) -> Any:
    runs = [
        (run.trial, run.fold, run.repeat, run.seed, run.score, run.error, run.penalty, run.epochs_trained)
        for run in storage.runs(key, purpose=purpose)
    ]
    return sorted(runs), storage.curves(key, purpose), storage.predictions(key, purpose)
