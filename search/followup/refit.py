"""The model that a study leads to: its chosen configuration, trained once more on all rows that are not sealed."""

from __future__ import annotations

import dataclasses
import tempfile
from pathlib import Path
from typing import Any, cast

import numpy as np

from search.data import Arrays, Fold, draw_stop_rows, fit_encoder, prepare
from search.errors import Problem, StudyFailedError, UsageError
from search.models import Rotation, Scaling, with_inputs
from search.preparation.study import PreparedStudy, prepare_spec, run_seed
from search.records import Configuration, Run, StudyRecord
from search.selection import choose
from search.spec import spec_from_json
from search.storage import Storage
from search.techniques import TECHNIQUES, DataTechnique
from search.training import TrainingPlan, start_tensorflow, train_model

KerasModel = Any
"""A `keras.Model`: this package passes models on and never imports Keras."""

_ROWS_FOR_THE_CURVE = 256


def train_best(storage: Storage, name: str) -> KerasModel:
    """Train the chosen configuration of a study.

    Args:
        storage: An open database.
        name: The study. Its data, and its model's file, are read anew from where they were.

    Raises:
        UnknownStudyError: There is no such study.
        StudyFailedError: No trial of the study has a score, or this training failed.
        UsageError: The data is not what it was.
    """
    record = storage.study(name)
    chosen = choose(storage.trials(record.study_id), record.direction).chosen
    if chosen is None:
        raise StudyFailedError(f"{name}: expected a trial with a score to export, received none so far.")
    return train_final(_prepared_again(record), chosen.configuration)


def train_final(prepared: PreparedStudy, configuration: Configuration) -> KerasModel:
    """Train one configuration on all rows that are not sealed.

    With early stopping a share of them stops the run, as in the search; nothing scores, for there is nothing left to
    choose.

    Returns:
        A compiled model of Keras' own classes. It takes rows as the study's source gives them (text as one-hot inputs):
        scaling and whitening are layers of it.
    """
    start_tensorflow()
    plan = prepared.plan
    fold = _whole_fold(plan, stops="patience" in configuration)
    run = Run(0, 0, 0, run_seed(plan.spec.study.seed, 0, 0), configuration)
    model = train_model(dataclasses.replace(plan, folds=(fold,)), run)
    arrays = prepare(plan.dataset, fold, keep_stop="patience" in configuration)
    return with_inputs(model, _steps(prepared, fold, arrays, configuration), arrays.x_train.shape[1:])


def check_model_path(path: Path) -> None:
    """Refuse a path that Keras would not save to, before anything is trained for it.

    Raises:
        UsageError: It does not end in .keras.
    """
    if path.suffix != ".keras":
        raise UsageError(Problem("--output", f"expected a path that ends in .keras, received {path}"))


def write_model(model: KerasModel, path: Path) -> None:
    """Save a model as a `.keras` file, whole or not at all.

    Raises:
        UsageError: The file cannot be written there.
    """
    check_model_path(path)
    try:
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.") as folder:
            written = Path(folder) / path.name
            model.save(written)
            written.replace(path)
    except OSError as error:
        raise UsageError(
            Problem("--output", f"expected a path that can be written, received {path}: {error.strerror}")
        ) from error


def _prepared_again(record: StudyRecord) -> PreparedStudy:
    folder = Path(record.facts.get("folder", "."))
    prepared = prepare_spec(spec_from_json(record.spec), folder)
    held = (
        ("data", record.data_sha256, prepared.data_sha256),
        ("model", record.facts.get("model_sha256"), prepared.facts["model_sha256"]),
    )
    for thing, before, now in held:
        if before is not None and before != now:
            message = f"expected the {thing} that the study was run with (SHA-256 {before[:12]}...), received another"
            remedy = f"Put the study's {thing} back where it was."
            raise UsageError(Problem(f"{record.name} [{thing}]", f"{message} ({now[:12]}...) in {folder}", remedy))
    return prepared


def _whole_fold(plan: TrainingPlan, *, stops: bool) -> Fold:
    """A fold that trains on everything; some rows are evaluated, for an engine evaluates some."""
    if stops:
        train, stop = draw_stop_rows(plan.dataset, plan.spec.split, plan.spec.study.seed)
        return Fold(0, train, stop, stop)
    rows = np.arange(len(plan.dataset), dtype=np.int64)
    return Fold(0, rows, rows[:0], rows[:_ROWS_FOR_THE_CURVE])


def _steps(
    prepared: PreparedStudy, fold: Fold, arrays: Arrays, configuration: Configuration
) -> list[Scaling | Rotation]:
    """What was done to rows before the model saw them."""
    plan, steps = prepared.plan, list[Scaling | Rotation]()
    shape = arrays.x_train.shape[1:]
    if prepared.facts["scaled_bytes"]:
        steps.append(Scaling(np.zeros(shape), np.full(shape, 255.0)))
    if (scaling := fit_encoder(plan.dataset, fold.train).scaling()) is not None:
        steps.append(Scaling(*scaling))
    for name, value in configuration.items():
        technique = TECHNIQUES.get(name)
        if isinstance(technique, DataTechnique):
            whitening = technique.fit(arrays.x_train, technique.domain.number(cast(float, value)))
            steps.append(Rotation(whitening.mean, whitening.matrix))
    return steps
