"""regsearch finds the regularization that makes a Keras model generalize.

The map of the house; each floor sees only the floors below it:

| room | what lives there |
|---|---|
| `search.cli` | one file a command: parse, call one function, render |
| `search.api` | the same for Python: studies as data frames and figures, estimators of scikit-learn |
| `search.reporting` | what a study found, for people and for programs: summaries and exports |
| `search.dashboard` | optuna-dashboard behind a guard |
| `search.followup` | what follows a search: the final training, `tune` |
| `search.coordination` | the coordinator: asks, tells and writes, in order |
| `search.preparation` | file, data and model become a study that can run |
| `search.dispatch` | runs go to workers and come back |
| `search.tuning` | Optuna: spaces, samplers, pruners, asking and telling |
| `search.selection` | the best configuration against the baseline |
| `search.execution` | Dask: a local cluster, or a scheduler's address |
| `search.training` | one run: engines, early stopping, scoring, curves |
| `search.models` | model families, and how techniques enter a model |
| `search.techniques` | one way to regularize a file |
| `search.storage` | the database: Optuna's tables and ours, the lock, migrations |
| `search.data` | sources, splits, fingerprints |
| `search.spec` | a study file becomes a frozen, validated `StudySpec` |
| `search.records` | values that travel |
| `search.errors` | the exception tree |
| `search.fork_server` | the process from which local workers are forked |
| `search.signals` | signals as exceptions, and an end to the way out |
| `search.user_code` | whose code may be run, and who is told of it |

From Python, one call regularizes a Keras model, `search.tune(model, x, y)`, one runs a study and opens what it found,
`search.run("moons")`, and `RegularizedClassifier` stands in scikit-learn's pipelines. Piece by piece a study runs in
three:

    from search import open_storage, prepare_study, run_study
    prepared = prepare_study("moons", ["study.n_trials=20"])
    with open_storage("sqlite:///regsearch.db", create=True) as storage:
        run_study(prepared, storage)
"""

from __future__ import annotations

import importlib

TYPE_CHECKING = False  # as type checkers understand it; `typing` alone would take half of the time of this import
if TYPE_CHECKING:
    from typing import Any

    from search.api.estimators import RegularizedClassifier, RegularizedRegressor
    from search.api.running import load, run
    from search.api.study import Study
    from search.coordination.launching import Launch, run_study
    from search.errors import DataError, RegsearchError, StorageError, StudyFileError, UsageError
    from search.followup.tune import Tuned, tune
    from search.preparation.files import prepare_study
    from search.preparation.study import PreparedStudy
    from search.records import Configuration, Run, RunResult, StudyRecord, Trial
    from search.storage import Storage, open_storage

# Imported when first used, so that `regsearch --help` and the read commands stay quick, and signals count soon.
_LATE = {
    "Configuration": "search.records",
    "DataError": "search.errors",
    "Launch": "search.coordination.launching",
    "PreparedStudy": "search.preparation.study",
    "RegsearchError": "search.errors",
    "RegularizedClassifier": "search.api.estimators",
    "RegularizedRegressor": "search.api.estimators",
    "Run": "search.records",
    "RunResult": "search.records",
    "Storage": "search.storage",
    "StorageError": "search.errors",
    "Study": "search.api.study",
    "StudyFileError": "search.errors",
    "StudyRecord": "search.records",
    "Trial": "search.records",
    "Tuned": "search.followup.tune",
    "UsageError": "search.errors",
    "load": "search.api.running",
    "open_storage": "search.storage",
    "prepare_study": "search.preparation.files",
    "run": "search.api.running",
    "run_study": "search.coordination.launching",
    "tune": "search.followup.tune",
}

__all__ = [
    "Configuration",
    "DataError",
    "Launch",
    "PreparedStudy",
    "RegsearchError",
    "RegularizedClassifier",
    "RegularizedRegressor",
    "Run",
    "RunResult",
    "Storage",
    "StorageError",
    "Study",
    "StudyFileError",
    "StudyRecord",
    "Trial",
    "Tuned",
    "UsageError",
    "load",
    "open_storage",
    "prepare_study",
    "run",
    "run_study",
    "tune",
]


def __getattr__(name: str) -> Any:
    if name not in _LATE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_LATE[name]), name)
