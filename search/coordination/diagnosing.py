"""What the baseline and the choice say of rows, found out when the choice is made, and kept for reports.

Confusions and residuals come from what runs predicted of rows that did not train them, and cost nothing. The plane of
rows with two numbers is predicted by both models as an export trains them, where that takes next to nothing.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from search.coordination.taught import final_runs
from search.data import Dataset
from search.dispatch import Dispatcher, PredictionFailure
from search.preparation.study import PreparedStudy
from search.records import (
    DIAGNOSIS_KIND,
    Boundary,
    Configuration,
    Diagnosis,
    Predictions,
    Purpose,
    StudyRecord,
    Trial,
)
from search.selection import Choice, choose_stored
from search.storage import Storage

Array = npt.NDArray[Any]
Key = tuple[int, int, int]

_MOST_PASSES = 5
"""Of a confirmation's repeats, that confusions are means over."""
_MOST_PAIRS = 1_000
_MOST_TARGETS = 4
_MOST_CLASSES = 50
_MOST_ROWS = 400
"""That are drawn over a plane."""
_PLACES = 60
"""On each axis of a plane."""
_MARGIN = 0.1
"""Of a plane beyond the rows, in shares of their range."""
_LONGEST_SECONDS, _LARGEST_SHARE = 2.0, 0.02
"""What a plane may cost, in seconds of training or as a share of what the search has cost."""


def keep_diagnosis(
    prepared: PreparedStudy,
    record: StudyRecord,
    storage: Storage,
    trials: Sequence[Trial],
    dispatcher: Dispatcher | None = None,
    meanwhile: Callable[[], object] = lambda: None,
) -> None:
    """Find out what the choice of a study says of rows, unless that is known of this very choice, and keep it.

    Args:
        prepared: The study.
        record: Its record.
        storage: An open database.
        trials: All its trials.
        dispatcher: Trains for the plane of rows with two numbers; without one there is none.
        meanwhile: Called now and then while that takes.

    Raises:
        StorageError: The database went away.
    """
    choice = choose_stored(storage, record, trials)
    n_trials = sum(trial.state.is_final for trial in trials)
    if choice.chosen is None or not _is_due(prepared, record, storage, choice.chosen, n_trials):
        return
    shown = list(dict.fromkeys(trial.number for trial in (choice.baseline, choice.chosen) if trial is not None))
    purpose, keys = _shared_runs(storage, record.study_id, shown, len(prepared.plan.folds))
    diagnosis = Diagnosis(
        n_trials=n_trials,
        baseline=None if choice.baseline is None else choice.baseline.number,
        chosen=choice.chosen.number,
        is_confirmed=purpose is Purpose.CONFIRMATION,
        n_passes=0.0,
        confusions={},
        pairs={},
    )
    if keys:
        diagnosis = _with_rows(prepared, diagnosis, purpose, keys)
    if dispatcher is not None and _has_cheap_plane(prepared, record, storage, choice):
        boundary = _boundary(prepared, record, storage, choice, dispatcher, meanwhile)
        diagnosis = dataclasses.replace(diagnosis, boundary=boundary)
    storage.keep_analysis(record.study_id, DIAGNOSIS_KIND, "", diagnosis.to_json())


def is_plane_due(prepared: PreparedStudy, record: StudyRecord, storage: Storage, trials: Sequence[Trial]) -> bool:
    """Whether the diagnosis of a study's choice is still to be made, as where its session was killed before that, and
    has something to train.
    """
    choice = choose_stored(storage, record, trials)
    n_trials = sum(trial.state.is_final for trial in trials)
    return (
        choice.chosen is not None
        and _is_due(prepared, record, storage, choice.chosen, n_trials)
        and _has_cheap_plane(prepared, record, storage, choice)
    )


def _is_due(prepared: PreparedStudy, record: StudyRecord, storage: Storage, chosen: Trial, n_trials: int) -> bool:
    """Whether a study can be diagnosed, and what is stored is of another choice."""
    if not prepared.plan.scoring.is_of_one_output:
        return False
    stored = storage.analysis(record.study_id, DIAGNOSIS_KIND)
    if stored is None:
        return True
    return (stored.document.get("n_trials"), stored.document.get("chosen")) != (n_trials, chosen.number)


def _has_cheap_plane(prepared: PreparedStudy, record: StudyRecord, storage: Storage, choice: Choice) -> bool:
    return _has_plane(prepared.plan.dataset) and _is_cheap(storage, record.study_id, choice)


def _shared_runs(
    storage: Storage, study_id: int, trials: Sequence[int], n_folds: int
) -> tuple[Purpose, dict[int, dict[tuple[int, int], Predictions]]]:
    """What each trial predicted, by fold and seed, in runs that all of them have; the confirmation's where it can."""
    for purpose in (Purpose.CONFIRMATION, Purpose.SEARCH):
        told = {
            trial: {
                (fold, repeat): values
                for (_, fold, repeat), values in storage.predictions(study_id, purpose, trial=trial).items()
            }
            for trial in trials
        }
        shared = sorted(set.intersection(*(set(of_trial) for of_trial in told.values())))
        if purpose is Purpose.CONFIRMATION:
            shared = [key for key in shared if key[0] < _MOST_PASSES * n_folds]
        if shared:
            return purpose, {trial: {key: of_trial[key] for key in shared} for trial, of_trial in told.items()}
    return Purpose.SEARCH, {}


def _with_rows(
    prepared: PreparedStudy,
    diagnosis: Diagnosis,
    purpose: Purpose,
    told: Mapping[int, Mapping[tuple[int, int], Predictions]],
) -> Diagnosis:
    plan = prepared.plan
    some = next(iter(told.values()))
    rows_of = {
        fold: plan.fold(prepared.run(0, fold, 0, Configuration(), purpose)).validation
        for fold in dict.fromkeys(fold for fold, _ in some)
    }
    places = [rows_of[fold] for fold, _ in some]
    n_rows = len(np.unique(np.concatenate(places)))
    n_passes = sum(map(len, places)) / n_rows
    predicted = {
        trial: [(rows_of[fold], values.values) for (fold, _), values in runs.items()] for trial, runs in told.items()
    }
    target = plan.scoring.target_of(plan.dataset)
    if plan.dataset.classes:
        n_classes = len(plan.dataset.classes)
        if n_classes > _MOST_CLASSES:
            return diagnosis
        confusions = {trial: _confusion(runs, target, n_classes, n_passes) for trial, runs in predicted.items()}
        return dataclasses.replace(diagnosis, n_passes=n_passes, confusions=confusions)
    pairs = {trial: _pairs(runs, target) for trial, runs in predicted.items()}
    return dataclasses.replace(diagnosis, n_passes=n_passes, pairs=pairs)


def _confusion(
    runs: Sequence[tuple[Array, Array]], target: Array, n_classes: int, n_passes: float
) -> tuple[tuple[float, ...], ...]:
    counts = np.zeros((n_classes, n_classes))
    for rows, values in runs:
        np.add.at(counts, (target[rows], _told_class(values)), 1.0)
    return tuple(tuple(round(float(count), 4) for count in line) for line in counts / n_passes)


def _told_class(values: Array) -> Array:
    """The most likely class; of two, where only the second one's probability is told, that from one half on."""
    told: Array
    if values.shape[1] == 1:
        told = (values[:, 0] > 0.5).astype(np.int64)
        return told
    told = values.argmax(axis=1)
    return told


def _pairs(runs: Sequence[tuple[Array, Array]], target: Array) -> tuple[tuple[tuple[float, float], ...], ...]:
    """Target by target what rows are and what the first run that scored each predicts of it: rows evenly spread."""
    first: dict[int, Array] = {}
    for rows, values in runs:
        for row, value in zip(rows.tolist(), values, strict=True):
            first.setdefault(row, value)
    known = sorted(first)
    known = [known[place] for place in np.unique(np.linspace(0, len(known) - 1, _MOST_PAIRS).round().astype(int))]
    numbers = target.reshape(len(target), -1)[:, :_MOST_TARGETS]
    return tuple(
        tuple((float(numbers[row, place]), float(first[row][place])) for row in known if np.isfinite(first[row][place]))
        for place in range(numbers.shape[1])
    )


def _has_plane(dataset: Dataset) -> bool:
    """Whether rows are two numbers each and of classes, so that a plane shows all that a model says."""
    if not dataset.classes or dataset.inputs or dataset.texts or dataset.features.ndim != 2:
        return False
    if dataset.features.shape[1] != 2:
        return False
    return all(column.dtype.kind == "f" and np.isfinite(column).all() for column in _columns(dataset))


def _columns(dataset: Dataset) -> list[Array]:
    features = dataset.features
    if isinstance(features, np.ndarray):
        return [features[:, 0], features[:, 1]]
    return [features.iloc[:, 0].to_numpy(), features.iloc[:, 1].to_numpy()]


def _is_cheap(storage: Storage, study_id: int, choice: Choice) -> bool:
    """Whether two trainings more are next to nothing, beside those of the search."""
    if choice.chosen is None:
        return False
    seconds = [run.seconds for run in storage.runs(study_id)]
    of_chosen = [run.seconds for run in storage.runs(study_id, choice.chosen.number)]
    needed = 2 * max(of_chosen, default=0.0)
    return needed <= max(_LONGEST_SECONDS, _LARGEST_SHARE * sum(seconds))


def _boundary(
    prepared: PreparedStudy,
    record: StudyRecord,
    storage: Storage,
    choice: Choice,
    dispatcher: Dispatcher,
    meanwhile: Callable[[], object],
) -> Boundary | None:
    dataset = prepared.plan.dataset
    columns = _columns(dataset)
    x, y = (_places(column) for column in columns)
    plane = _rows_at(dataset, np.stack([each.reshape(-1) for each in np.meshgrid(x, y)], axis=1))
    shown = {trial.number: trial for trial in (choice.baseline, choice.chosen) if trial is not None}
    runs = [final_runs(prepared, storage, record.study_id, trial) for trial in shown.values()]
    told = dispatcher.predict(runs, plane, meanwhile)
    classes, shares = {}, {}
    for trial, values in zip(shown, told, strict=True):
        if isinstance(values, PredictionFailure):
            continue
        likely = values if values.shape[1] > 1 else np.concatenate([1 - values, values], axis=1)
        index = _told_class(values)
        classes[trial] = tuple(tuple(line) for line in index.reshape(len(y), len(x)).tolist())
        at = likely[np.arange(len(likely)), index].astype(np.float64).round(3)
        shares[trial] = tuple(tuple(line) for line in at.reshape(len(y), len(x)).tolist())
    if not classes:
        return None
    some = np.unique(np.linspace(0, len(dataset) - 1, _MOST_ROWS).round().astype(int))
    rows = tuple((float(columns[0][row]), float(columns[1][row]), int(dataset.target[row])) for row in some)
    first, second = _names(dataset)
    return Boundary((first, second), tuple(x.tolist()), tuple(y.tolist()), classes, shares, rows)


def _places(column: Array) -> Array:
    low, high = float(column.min()), float(column.max())
    margin = _MARGIN * (high - low) or 1.0
    return np.linspace(low - margin, high + margin, _PLACES).round(6)


def _rows_at(dataset: Dataset, places: Array) -> Dataset:
    """Rows that stand at some places, of whatever class."""
    rows = dataset.take(np.zeros(len(places), np.int64))
    if isinstance(rows.features, np.ndarray):
        return dataclasses.replace(rows, features=places.astype(rows.features.dtype))
    frame = rows.features.copy()
    for number, name in enumerate(frame.columns):
        frame[name] = places[:, number]
    return dataclasses.replace(rows, features=frame)


def _names(dataset: Dataset) -> tuple[str, str]:
    if isinstance(dataset.features, np.ndarray):
        return "first feature", "second feature"
    first, second = map(str, dataset.features.columns)
    return first, second
