"""A study's file and its data become a `PreparedStudy`: checked against each other, split, ready to run."""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path

from search.data import (
    Dataset,
    SealedRows,
    SourceFunction,
    encoded_shape,
    is_stored,
    notes_on_columns,
    read_data,
    read_function,
    split_rows,
)
from search.errors import Problem, StudyFileError
from search.models import (
    Architecture,
    OwnSearch,
    SavedModel,
    UnbuiltModelError,
    check_custom_code,
    find_front,
    names_over_own,
    read_model,
    search_own,
)
from search.preparation.architectures import architectures, check_sizes, searched_options, with_given_arguments
from search.preparation.catalogue import default_catalogue
from search.preparation.checks import check_runs, check_study, try_own_loss
from search.preparation.facts import study_facts
from search.preparation.input_sizes import check_inputs, told_shape
from search.preparation.notes import study_notes
from search.preparation.own_metric import read_own_metric
from search.preparation.pruning import with_pruner
from search.preparation.resolving import Place, resolve_study, tells_classes
from search.preparation.study import PreparedStudy
from search.preparation.texts import with_numbers_of_texts
from search.spec import DataSection, StudySpec
from search.techniques import DataTechnique, techniques_of
from search.training import OwnMetric, TrainingPlan
from search.tuning.space import MOST_POINTS, SearchSpace, search_space


def _place_in_table(*key: str) -> str:
    return f"[{'.'.join(key)}]"


def prepare_spec(spec: StudySpec, folder: Path, place: Place = _place_in_table) -> PreparedStudy:
    """Read the data that a study names.

    Args:
        spec: A valid study.
        folder: Folder to which the study's paths are relative.
        place: Where a table and a key stand, for errors.

    Raises:
        StudyFileError: The study is wrong for this data.
        DataError: The data cannot be read or split.
    """
    own_model = spec.model.family is None

    def read(data: DataSection) -> Dataset:
        return read_data(
            data,
            folder,
            place("data"),
            own_model=own_model,
            split=spec.split,
            split_place=place("split"),
            output=spec.objective.main_output,
            objective_place=place("objective", "output"),
        )

    dataset = read(spec.data)
    saved = None
    if own_model:
        development = dataset.take(split_rows(dataset, spec.split, spec.study.seed, place("split")).development)
        shape = encoded_shape(development)
        try:
            saved = read_model(
                spec.model,
                folder,
                place("model"),
                input_shape=shape,
                inputs=development.inputs,
                n_outputs=dataset.n_outputs,
                outputs=dataset.named_outputs,
                task=dataset.task,
                timeout_seconds=spec.data.timeout_seconds,
                variants=searched_options(spec, place),
            )
        except UnbuiltModelError as error:
            raise told_shape(error, development, shape) from error
        if spec.data.task is None and tells_classes(saved, dataset):
            dataset = read(spec.data.model_copy(update={"task": "classification"}))
    dataset, saved = with_numbers_of_texts(dataset, saved, folder, place("model"), spec.data.timeout_seconds)
    if saved is not None:
        seconds = spec.data.timeout_seconds
        check_custom_code(saved, place("model", "custom"), folder=str(folder), timeout_seconds=seconds)
    loss, named = None, _own_loss(spec, saved)
    if named is not None:
        loss = read_function(named, folder, place("training", "loss"), key="loss")
    own_metric = read_own_metric(spec.objective, folder, place("objective", "metric"))
    prepared = prepare_data(spec, dataset, place, saved, loss, own_metric)
    prepared = _with_callbacks(prepared, folder, place)
    try_own_loss(prepared.plan, str(folder), place)
    return dataclasses.replace(prepared, facts=dataclasses.replace(prepared.facts, folder=str(folder.resolve())))


def prepare_data(
    spec: StudySpec,
    dataset: Dataset,
    place: Place = _place_in_table,
    saved: SavedModel | None = None,
    loss: SourceFunction | None = None,
    own_metric: OwnMetric | None = None,
) -> PreparedStudy:
    """Check a study against its data, and split the rows.

    Args:
        spec: A valid study.
        dataset: Its data.
        place: Where a table and a key stand, for errors.
        saved: The user's model; None for a family's.
        loss: The user's function that is the loss; None for one of Keras, and for a study that is not to be run.
        own_metric: The user's metric, which [objective] names; None for one of `METRICS`.

    Raises:
        StudyFileError: The study is wrong for this data.
        DataError: The data cannot be split.
    """
    spec, left_open = resolve_study(spec, dataset, saved, place)
    dataset = dataclasses.replace(dataset, scale_target=bool(spec.data.scale_target))
    splits = split_rows(dataset, spec.split, spec.study.seed, place("split"))
    development = dataset.take(splits.development)
    spec = with_given_arguments(spec, development, saved, place)
    check_inputs(development, saved, place("model"))
    plain = architectures(spec, development, saved, place)
    check_sizes(plain, development, place)
    spec, searched = _searching_own(spec, plain[0], place)
    check_study(spec, development, splits, plain, saved, own_metric, place)
    spec = _of_rows_in_a_file(spec, development, place)
    space = search_space(spec, default_catalogue())
    n_trials = _total_trials(spec, space, place)
    check_runs(spec, n_trials, len(splits.folds), place)
    spec = spec.model_copy(update={"study": spec.study.model_copy(update={"n_trials": n_trials})})
    spec = with_pruner(spec, plain, splits)
    plan = TrainingPlan(development, splits.folds, spec, str(spec.objective.metric_name), saved, loss, own_metric)
    metric = plan.scoring
    front = None if is_stored(development.features) else find_front(plain[0], tuple(spec.space))
    notes = study_notes(spec, development, splits, saved, n_trials, searched, front, plain[0].beside)
    return PreparedStudy(
        spec=spec,
        space=space,
        plan=plan,
        metric=metric.label,
        direction=metric.direction,
        data_sha256=dataset.sha256,
        facts=dataclasses.replace(
            study_facts(spec, development, splits, metric, saved, place),
            own_names=names_over_own(plain[0], tuple(spec.space)),
            loss_sha256=None if loss is None else loss.sha256,
        ),
        n_trials=n_trials,
        notes=(*dataset.notes, *notes_on_columns(development), *splits.notes, *notes),
        sealed=SealedRows(dataset, splits.test),
        left_open=left_open,
    )


def _own_loss(spec: StudySpec, saved: SavedModel | None) -> str | None:
    """`FILE.py:NAME` of the loss, where it is one of the user's: the study's, or that of the compiled model."""
    if spec.training.has_own_loss:
        return str(spec.training.loss)
    is_left_open = "loss" not in spec.training.model_fields_set or spec.training.loss is None
    return saved.compiled.own_loss if saved is not None and is_left_open else None


def _with_callbacks(prepared: PreparedStudy, folder: Path, place: Place) -> PreparedStudy:
    """The study with the files of its callbacks read."""
    named = prepared.spec.training.callbacks or ()
    if not named:
        return prepared
    where = place("training", "callbacks")
    functions = tuple(read_function(each, folder, where, key="callbacks") for each in named)
    sha256 = hashlib.sha256(" ".join(f"{each.sha256}:{each.name}" for each in functions).encode()).hexdigest()
    plan = dataclasses.replace(prepared.plan, callbacks=functions)
    facts = dataclasses.replace(prepared.facts, callbacks_sha256=sha256)
    return dataclasses.replace(prepared, plan=plan, facts=facts)


def _searching_own(spec: StudySpec, plain: Architecture, place: Place) -> tuple[StudySpec, OwnSearch | None]:
    """The study with what the model brings of its own in [space], where it is to be searched."""
    if spec.model.own != "search":
        return spec, None
    searched = search_own(plain, tuple(spec.space))
    space = {**spec.space, **searched.entries}
    if not space:
        message = "expected a model with a dropout rate or a penalty of its own to search, received one without"
        raise StudyFileError(Problem(place("model", "own"), message, "Name techniques in [space]."))
    return spec.model_copy(update={"space": space}), searched


def _of_rows_in_a_file(spec: StudySpec, development: Dataset, place: Place) -> StudySpec:
    """The study, with the engine that reads rows from a file where they are in one."""
    if not is_stored(development.features):
        return spec
    if spec.training.engine not in ("auto", "fit"):
        message = f'expected engine = "fit" for features that do not fit into memory, received "{spec.training.engine}"'
        raise StudyFileError(Problem(place("training", "engine"), message, "Raise data.memory_gib where they do."))
    for technique in techniques_of(spec.space):
        if isinstance(technique, DataTechnique):
            message = f"expected features in memory for {technique.name}, which changes all of them, received a file"
            raise StudyFileError(Problem(place("space", technique.name), message, "Leave it out."))
    return spec.model_copy(update={"training": spec.training.model_copy(update={"engine": "fit"})})


def _total_trials(spec: StudySpec, space: SearchSpace, place: Place) -> int:
    size = space.count_points(spec.study.sampler)
    if size is None:
        return spec.study.n_trials or 1
    if size > MOST_POINTS:
        raise StudyFileError(
            Problem(
                place("study", "sampler"),
                f"expected at most {MOST_POINTS:,} points for the sampler to walk, received more",
                'Shorten the lists in [space], or choose sampler = "tpe".',
            )
        )
    return min(size, spec.study.n_trials or size)
