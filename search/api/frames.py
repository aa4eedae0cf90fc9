"""Trials, runs and curves of a study as pandas frames: one row each, a type a column, what is missing is NA."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from search.errors import Problem, UsageError
from search.records import BASELINE_TRIAL, Purpose, TrialState

if TYPE_CHECKING:
    from search.records import Curve, StudyRecord
    from search.storage import Storage

MOST_CURVE_ROWS = 5_000_000
"""Epochs of all curves of a frame, at most; they take about 40 bytes each."""


def trials_frame(storage: Storage, study: StudyRecord) -> pd.DataFrame:
    """One row a trial, by number.

    Columns: `trial`, `state` (as `regsearch trials` writes it), `baseline`, `score`, then one for each name of [space]
    and of the configurations, NA where it is off, then `seconds`, `started` and `completed` (UTC), and `error`.

    Args:
        storage: An open database.
        study: The study.
    """
    trials = storage.trials(study.study_id, parameters=False)
    names = dict.fromkeys([*study.spec["space"], *(name for trial in trials for name in trial.configuration)])
    columns: dict[str, Any] = {
        "trial": pd.array([trial.number for trial in trials], "int64"),
        "state": pd.Categorical([trial.state.value for trial in trials], [state.value for state in TrialState]),
        "baseline": pd.array([trial.number == BASELINE_TRIAL for trial in trials], "bool"),
        "score": _numbers(trial.score for trial in trials),
    }
    for name in names:
        columns[name] = settings_array([trial.configuration.get(name) for trial in trials])
    started = _moments(trial.started for trial in trials)
    completed = _moments(trial.completed for trial in trials)
    columns["seconds"] = _numbers((completed - started).dt.total_seconds())
    columns |= {"started": started, "completed": completed}
    columns["error"] = pd.array([trial.error for trial in trials], "string")
    return pd.DataFrame(columns)


def runs_frame(storage: Storage, study: StudyRecord) -> pd.DataFrame:
    """One row a run, those of the search before those of the confirmation, by trial, fold and repeat.

    Columns: `purpose`, `trial`, `fold`, `repeat`, `seed`, `score`, `epochs_trained`, `best_epoch` (counted from 1; NA
    where none is), `penalty`, `seconds`, `engine`, `worker`, `cause` and `error`.

    Args:
        storage: An open database.
        study: The study.
    """
    runs = [run for purpose in Purpose for run in storage.runs(study.study_id, purpose=purpose)]
    return pd.DataFrame(
        {
            **_keys((run.purpose, run.trial, run.fold, run.repeat) for run in runs),
            "seed": pd.array([run.seed for run in runs], "int64"),
            "score": _numbers(run.score for run in runs),
            "epochs_trained": pd.array([run.epochs_trained for run in runs], "int64"),
            "best_epoch": pd.array([run.best_epoch or None for run in runs], "Int64"),
            "penalty": _numbers(run.penalty for run in runs),
            "seconds": pd.array([run.seconds for run in runs], "float64"),
            "engine": pd.array([run.engine.partition(":")[0] or None for run in runs], "string"),
            "worker": pd.array([run.worker for run in runs], "string"),
            "cause": pd.array([None if run.cause is None else run.cause.value for run in runs], "string"),
            "error": pd.array([run.error for run in runs], "string"),
        }
    )


def curves_frame(
    storage: Storage, study: StudyRecord, trials: Sequence[int] | None = None, purpose: Purpose | None = None
) -> pd.DataFrame:
    """One row an epoch of a run.

    Columns: `purpose`, `trial`, `fold`, `repeat`, `epoch` (from 1), `train_loss`, `validation_loss`,
    `validation_metric` and `stop_loss`, float32 and without penalties; NaN where there is none.

    Args:
        storage: An open database.
        study: The study.
        trials: Their numbers; None for all.
        purpose: `SEARCH` or `CONFIRMATION`; None for all.

    Raises:
        UsageError: There are more than `MOST_CURVE_ROWS` epochs, or no such trial.
    """
    wanted = None if trials is None else _checked_trials(storage, study, trials)
    purposes = tuple(Purpose) if purpose is None else (purpose,)
    summaries = (run for each in purposes for run in storage.runs(study.study_id, purpose=each))
    n_rows = sum(run.epochs_trained for run in summaries if wanted is None or run.trial in wanted)
    if n_rows > MOST_CURVE_ROWS:
        message = f"expected curves of at most {MOST_CURVE_ROWS:,} epochs in one frame, received {n_rows:,}"
        raise UsageError(Problem(study.name, message, "Name some trials: study.curves_of([0, 7])."))
    curves = [
        ((each, *key), curve)
        for each in purposes
        for number in ([None] if wanted is None else wanted)
        for key, curve in storage.curves(study.study_id, each, trial=number).items()
    ]
    lengths = [curve.n_epochs for _, curve in curves]
    keys = _keys(key for key, _ in curves)
    return pd.DataFrame(
        {
            **{name: values.repeat(lengths) for name, values in keys.items()},
            "epoch": _joined([np.arange(1, length + 1) for length in lengths], np.int32),
            "train_loss": _joined([curve.train_loss for _, curve in curves], np.float32),
            "validation_loss": _joined([curve.validation_loss for _, curve in curves], np.float32),
            "validation_metric": _joined([curve.validation_metric for _, curve in curves], np.float32),
            "stop_loss": _joined([_stop_loss(curve) for _, curve in curves], np.float32),
        }
    )


def _checked_trials(storage: Storage, study: StudyRecord, numbers: Sequence[Any]) -> list[int]:
    n_trials = storage.progress(study.study_id).n_trials
    for number in numbers:
        if isinstance(number, bool) or not isinstance(number, int | np.integer) or not 0 <= number < n_trials:
            message = f"expected the number of a trial, 0 to {n_trials - 1}, received {number!r}"
            raise UsageError(Problem(study.name, message))
    return sorted({int(number) for number in numbers})


def _stop_loss(curve: Curve) -> npt.NDArray[np.float32]:
    """Shape (epochs,); NaN for a run without stop rows."""
    return curve.stop_loss if len(curve.stop_loss) else np.full(curve.n_epochs, np.nan, np.float32)


def _joined(parts: Sequence[npt.NDArray[Any]], dtype: type[np.generic]) -> npt.NDArray[Any]:
    return np.concatenate(parts).astype(dtype, copy=False) if parts else np.empty(0, dtype)


Key = tuple[Purpose, int, int, int]


def settings_array(values: Sequence[Any]) -> Any:
    """Values of one name as the narrowest type that holds them: whole numbers, numbers, text; None is NA."""
    present = [value for value in values if value is not None]
    if all(isinstance(value, int) for value in present) and present:
        return pd.array(values, "Int64")
    if all(isinstance(value, int | float) for value in present):
        return pd.array(values, "Float64")
    if all(isinstance(value, str) for value in present):
        return pd.array(values, "string")
    return pd.Series([pd.NA if value is None else value for value in values], dtype=object)


def _numbers(values: Iterable[float | None]) -> Any:
    """Numbers, NA where there is none, or one that is not a number."""
    return pd.array([None if value is None or math.isnan(value) else value for value in values], "Float64")


def _moments(values: Iterable[Any]) -> pd.Series[Any]:
    return pd.Series(pd.to_datetime(list(values), utc=True)).astype("datetime64[us, UTC]")


def _keys(keys: Iterable[Key]) -> dict[str, Any]:
    """The columns that name a run."""
    listed = list(keys)
    purposes = pd.Categorical([purpose.value for purpose, *_ in listed], [purpose.value for purpose in Purpose])
    numbers = {
        name: np.array([key[place] for key in listed], np.int32)
        for place, name in enumerate(("trial", "fold", "repeat"), start=1)
    }
    return {"purpose": purposes, **numbers}
