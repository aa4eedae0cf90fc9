"""regsearch finds the regularization that makes a Keras model generalize.

The map of the house; each floor sees only the floors below it:

| room | what lives there |
|---|---|
| `search.cli` | one file a command: parse, call one function, render |
| `search.reporting` | what a study found, for people and for programs: summaries and exports |
| `search.dashboard` | optuna-dashboard behind a guard |
| `search.tuning` | Optuna: spaces, samplers and the coordinator's loop |
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

From Python, one call regularizes a Keras model, `search.tune(model, x, y)`, and a study runs in three:

    from search import open_storage, prepare_study, run_study
    prepared = prepare_study("moons", ["study.n_trials=20"])
    with open_storage("sqlite:///regsearch.db", create=True) as storage:
        run_study(prepared, storage)
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from search.errors import DataError, RegsearchError, StorageError, StudyFileError, UsageError
from search.records import Configuration, Run, RunResult, StudyRecord, Trial

if TYPE_CHECKING:
    from search.storage import Storage, open_storage
    from search.tuning.coordinator import Launch, run_study
    from search.tuning.preparation import PreparedStudy, prepare_study
    from search.tuning.tune import Tuned, tune

# Imported when first used, so that `regsearch --help` and the read commands stay quick.
_LATE = {
    "Launch": "search.tuning.coordinator",
    "PreparedStudy": "search.tuning.preparation",
    "Storage": "search.storage",
    "Tuned": "search.tuning.tune",
    "open_storage": "search.storage",
    "prepare_study": "search.tuning.preparation",
    "run_study": "search.tuning.coordinator",
    "tune": "search.tuning.tune",
}

__all__ = [
    "Configuration",
    "DataError",
    "Launch",
    "PreparedStudy",
    "RegsearchError",
    "Run",
    "RunResult",
    "Storage",
    "StorageError",
    "StudyFileError",
    "StudyRecord",
    "Trial",
    "Tuned",
    "UsageError",
    "open_storage",
    "prepare_study",
    "run_study",
    "tune",
]


def __getattr__(name: str) -> Any:
    if name not in _LATE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_LATE[name]), name)
