"""`draft_study`: a study file for a model and its data, with ranges that suit the layers found.

What is offered, and why, is written into the file as comments, for the user to change.
"""

from __future__ import annotations

import contextlib
import dataclasses
import math
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from search.data import (
    Dataset,
    HoldoutValidation,
    KFoldValidation,
    encoded_shape,
    is_one_hot,
    read_data,
    suit_columns,
    suit_file,
)
from search.errors import DataError, Problem, UsageError
from search.models import (
    FAMILIES,
    SCALING_LAYERS,
    Architecture,
    SavedModel,
    UnfitLossError,
    describe_model,
    read_model,
    read_saved,
    study_loss,
)
from search.preparation.offers import Offer, OfferFacts, Size, find_offers, size_of
from search.preparation.resolving import taught_settings, tells_classes
from search.preparation.study import PreparedStudy, prepare_data
from search.preparation.texts import with_numbers_of_texts
from search.spec import (
    TASK_LOSS,
    Choices,
    DataSection,
    ModelSection,
    ObjectiveSection,
    Range,
    SplitSection,
    StudySection,
    StudySpec,
    TrainingSection,
    spec_to_toml,
)

_RARE = 0.2  # share of one class of two, below which it is rare
HIDDEN = (128, 128)
"""Units of an mlp, the one family without a size of its own."""

_OF_IMAGES_OR_SEQUENCES = ("cnn", "lstm")
_PICTURE = (64, 64, 3)
_MIRRORED = """
Where a mirrored image is still of its class, add: flip = { choices = ["horizontal"] }"""


@dataclass(frozen=True)
class Draft:
    """What a study is drafted for.

    Args:
        folder: Where the study file is to stand: every path in it is relative to this folder.
        model: A family, `FILE.keras` or `FILE.py:function`; the file relative to the working directory.
        data: A csv or npz file, relative to the working directory.
        target: csv: the columns to predict.
        name: Name of the study; letters that a name cannot hold become `_`.
        prefix: Stands before `model` and `data` where problems name them: `--` for options.
        training: Keys of [training] that are given, whatever the model was compiled with.
        weight: The column that says how much each row counts; None for none.
        column: The column that divides the rows; None for none.
        custom: The file that defines what in the model is not Keras' own, relative to the working directory; None for
            none.
        output: Of several outputs the one that the study is about; None for the first one of the data.
    """

    folder: Path
    model: str
    data: Path
    target: tuple[str, ...] = ()
    name: str = "study"
    prefix: str = "--"
    training: Mapping[str, Any] = field(default_factory=dict)
    weight: str | None = None
    column: str | None = None
    custom: str | None = None
    output: str | None = None

    def read(self, section: DataSection) -> Dataset:
        """The rows of a [data] table."""
        split = SplitSection(column=self.column)
        return read_data(
            section,
            self.folder,
            self.place("data"),
            own_model=self.model not in FAMILIES,
            split=split,
            output=self.output,
            objective_place=self.place("data"),
        )

    def place(self, *key: str) -> str:
        """What the user gave that a key of the study comes from."""
        return f"{self.prefix}{'model' if key[0] in ('model', 'space') else 'data'}"


def draft_study(draft: Draft) -> str:
    """The text of a study file that passes `regsearch check` beside its model and data.

    Raises:
        UsageError: Model or data are not of a kind that can be told, or do not fit each other.
        DataError: The data cannot be read, or is too little to be split.
    """
    model = _model_section(draft)
    data, dataset, reasons = _read_rows(draft)
    shape, n_outputs, place = encoded_shape(dataset), dataset.n_outputs, draft.place("model")
    saved = read_model(
        model,
        draft.folder,
        place,
        input_shape=shape,
        inputs=dataset.inputs,
        n_outputs=n_outputs,
        outputs=dataset.named_outputs,
        task=dataset.task,
        timeout_seconds=data.timeout_seconds,
    )
    # A family ends as the task asks for; one-hot rows are hardly ever quantities.
    if tells_classes(saved, dataset) or (saved is None and dataset.task == "regression" and is_one_hot(dataset.target)):
        data = data.model_copy(update={"task": "classification"})
        dataset = draft.read(data)
    has_several = dataset.inputs or (saved is not None and (len(saved.inputs) > 1 or saved.texts))
    wanted = None if has_several else _wanted_shape(shape, model, saved)
    if wanted is not None:
        # A family has no scaling of its own; the user's model may have, and its images are best left as they are.
        standardize = dataset.standardize and saved is None
        data = data.model_copy(update={"shape": wanted, "standardize": standardize})
        dataset = draft.read(data)
    if saved is not None and saved.texts and not dataset.texts:  # a column of text is no set of categories here
        data = data.model_copy(update={"min_frequency": None, "dates": None})
        dataset = draft.read(data)
    dataset, saved = with_numbers_of_texts(dataset, saved, draft.folder, place, data.timeout_seconds)
    shape = encoded_shape(dataset) if wanted is None else shape
    if saved is not None and saved.layers and saved.layers[0].path in SCALING_LAYERS and dataset.standardize:
        data = data.model_copy(update={"standardize": False})
        dataset = dataclasses.replace(dataset, standardize=False)
    size = size_of(len(dataset))
    training = TrainingSection.model_validate({"epochs": size.epochs, "batch_size": size.batch_size, **draft.training})
    told = taught_settings(training, saved, draft.place, dataset.output)
    training = TrainingSection.model_validate({**training.model_dump(exclude_unset=True), **told})
    plain = _describe(draft, model, wanted or shape, dataset, saved, training)
    decays = training.optimizer_arguments.get("weight_decay") is not None
    facts = OfferFacts(plain, dataset, size, training.epochs, decays)
    offers = find_offers(facts)
    balance = _balance(draft, facts)
    spec = StudySpec(
        study=StudySection(name=_study_name(draft.name), n_trials=size.n_trials),
        data=data,
        model=model,
        training=training,
        objective=ObjectiveSection(metric=balance.metric, output=draft.output),
        space={**{name: offer.values(facts) for name, offer in offers.items()}, **balance.space},
    )
    prepared = _split_as_finely_as_rows_allow(draft, spec, dataset, size, saved)
    # Left open, they fit n_trials whatever the user makes of it before the study begins.
    study = prepared.spec.study.model_copy(update={"window": None, "n_startup_trials": None})
    drafted = prepared.spec.model_copy(update={"study": study})
    return spec_to_toml(drafted, _comments(draft, prepared, offers, facts, reasons) | balance.reasons)


@dataclass(frozen=True)
class _Balance:
    """What a study of a rare class says besides.

    Args:
        metric: Its metric; None for the default.
        space: What is searched besides.
        reasons: Dotted key to what the file says beside it.
    """

    metric: str | None = None
    space: dict[str, Range | Choices] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)


def _balance(draft: Draft, facts: OfferFacts) -> _Balance:
    """What suits classes of which one is rare: a score that asks for the order of rows, and weights for the classes."""
    if not facts.classifies or "class_weight" in draft.training:
        return _Balance()
    shares = np.bincount(facts.dataset.target) / len(facts.dataset)
    if shares.min() * len(shares) > 2 * _RARE:
        return _Balance()
    label = facts.dataset.classes[int(shares.argmin())]
    space: dict[str, Range | Choices] = {"training.class_weight": Choices(choices=("none", "balanced"))}
    metric = "roc_auc" if facts.dataset.task == "binary" else "balanced_accuracy"
    reasons = {
        "objective.metric": f"{label} is rare ({shares.min():.1%} of the rows): how well it is told apart counts",
        "space.training.class_weight": "balanced: all classes count alike, however rare",
    }
    return _Balance(metric, space, reasons)


def _describe(
    draft: Draft,
    model: ModelSection,
    shape: tuple[int, ...],
    dataset: Dataset,
    saved: SavedModel | None,
    training: TrainingSection,
) -> Architecture:
    place = draft.place("model")
    try:
        return describe_model(
            model,
            shape,
            dataset.n_outputs,
            dataset.task,
            saved,
            place,
            loss=study_loss(training),
            inputs=dataset.inputs,
            outputs=dataset.named_outputs,
        )
    except UnfitLossError as error:
        raise UsageError(Problem(place, str(error), "The loss is what the model was compiled with.")) from error


def _model_section(draft: Draft) -> ModelSection:
    file, colon, function = draft.model.rpartition(":")
    custom = None if draft.custom is None else _relative(Path(draft.custom), draft.folder)
    if draft.model in FAMILIES:
        return ModelSection(family=draft.model, hidden=HIDDEN if "hidden" in FAMILIES[draft.model].required else None)
    if draft.model.endswith(".keras"):
        return ModelSection(keras=_relative(Path(draft.model), draft.folder), custom=custom)
    if colon and file.endswith(".py"):
        return ModelSection(builder=f"{_relative(Path(file), draft.folder)}:{function}", custom=custom)
    families = ", ".join(FAMILIES)
    raise UsageError(
        Problem(
            draft.place("model"),
            f'expected a family ({families}), "FILE.keras" or "FILE.py:function", received "{draft.model}"',
            'Save a Keras model with model.save("net.keras").' if Path(draft.model).suffix in (".h5", ".hdf5") else "",
        )
    )


def _relative(file: Path, folder: Path) -> str:
    return Path(os.path.relpath(file, folder)).as_posix()


def _read_rows(draft: Draft) -> tuple[DataSection, Dataset, Mapping[str, str]]:
    """The [data] table, its rows, and why it has the keys that it has."""
    if draft.data.is_dir():
        section = DataSection(source="images", path=_relative(draft.data, draft.folder), shape=_picture_shape(draft))
        return section, draft.read(section), {"shape": "height, width and channels that pictures are brought to"}
    suffix = draft.data.suffix.lower()
    if suffix not in (".csv", ".parquet", ".npz"):
        message = f'expected a file that ends in .csv, .parquet or .npz, received "{draft.data}"'
        raise UsageError(Problem(draft.place("data"), message))
    section = DataSection(
        source=suffix.removeprefix("."),
        path=_relative(draft.data, draft.folder),
        target=(draft.target[0] if len(draft.target) == 1 else draft.target) if draft.target else None,
        weight=draft.weight,
    )
    written, why = suit_file(section, draft.folder, draft.place("data"))
    section = section.model_copy(update=written)
    dataset = draft.read(section)
    told, reasons = suit_columns(dataset, may_drop=draft.model in FAMILIES)
    if not told:
        return section, dataset, why
    section = section.model_copy(update=told)
    return section, draft.read(section), {**why, **reasons}


def _picture_shape(draft: Draft) -> tuple[int, ...]:
    """What the model takes where its file says so; else pictures of 64 by 64 in color."""
    if draft.model.endswith(".keras") and Path(draft.model).is_file() and draft.custom is None:
        wanted = read_saved(Path(draft.model).read_bytes(), draft.place("model")).inputs[0][1]
        if len(wanted) in (2, 3) and None not in wanted:
            return tuple(size for size in wanted if size is not None)
    return _PICTURE


def _wanted_shape(shape: tuple[int, ...], model: ModelSection, saved: SavedModel | None) -> tuple[int, ...] | None:
    """The shape to give flat rows where the model wants images or sequences; None to leave rows as they are."""
    if saved is not None and len(shape) > 1:
        known = tuple(size for size in saved.input_shape if size is not None)
        fits = len(known) == len(saved.input_shape) and math.prod(known) == math.prod(shape) and known != shape
        return known if fits else None
    if len(shape) > 1:
        return None
    (n_columns,) = shape
    if saved is not None:
        return _filled_shape(saved.input_shape, n_columns)
    if model.family not in _OF_IMAGES_OR_SEQUENCES:
        return None
    for channels in (1, 3):
        edge = math.isqrt(n_columns // channels)
        if edge > 1 and edge * edge * channels == n_columns:
            color = (channels,) if channels > 1 else ()
            return (edge, edge, *color) if model.family == "cnn" else (edge, edge * channels)
    return (n_columns, 1) if model.family == "lstm" else None


def _filled_shape(wanted: tuple[int | None, ...], n_columns: int) -> tuple[int, ...] | None:
    """A model's shape with its one open size filled in; None for vectors, and where the columns do not fit."""
    n_known = math.prod(size for size in wanted if size is not None)
    n_open = wanted.count(None)
    if len(wanted) < 2 or n_open > 1 or n_columns % n_known or (n_open == 0 and n_columns != n_known):
        return None
    return tuple(n_columns // n_known if size is None else size for size in wanted)


def _study_name(wanted: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]", "_", wanted).lstrip("._-")[:100] or "study"


def _split_as_finely_as_rows_allow(
    draft: Draft, spec: StudySpec, dataset: Dataset, size: Size, saved: SavedModel | None
) -> PreparedStudy:
    """The study with the most folds, up to those wanted, for which every part has rows of every class.

    With too few rows for any division of the others none are sealed, and then the rows that score stop runs, too.
    """
    if draft.column is not None:
        return prepare_data(
            spec.model_copy(update={"split": SplitSection(column=draft.column)}), dataset, draft.place, saved
        )
    validations: list[KFoldValidation | HoldoutValidation] = [
        *(KFoldValidation(method="kfold", folds=folds) for folds in (5, 3, 2) if folds <= size.folds),
        HoldoutValidation(method="holdout", fraction=0.2),
        HoldoutValidation(method="holdout", fraction=0.5),
    ]
    shares: list[tuple[float, float | Literal["validation"]]] = [(0.2, 0.2), (0, 0.2), (0, "validation")]
    *finer, coarsest = (
        SplitSection(test=test, validation=validation, stop=stop) for test, stop in shares for validation in validations
    )

    def prepare(split: SplitSection) -> PreparedStudy:
        return prepare_data(spec.model_copy(update={"split": split}), dataset, draft.place, saved)

    for split in finer:
        with contextlib.suppress(DataError):
            return prepare(split)
    return prepare(coarsest)


def _own_in_words(prepared: PreparedStudy) -> str:
    """What the model brings of its own, for the comment beside the key that says what becomes of it."""
    own = prepared.facts.own_regularization
    return f"{'; '.join(own)}: part of the baseline; search tries less of it, strip takes it out" if own else ""


_GAPS = {
    "indicate": "an input beside each column with missing cells says where",
    "impute": "missing cells are filled: the median, the most frequent",
}
"""What a file says of each way to treat missing cells."""


def _comments(
    draft: Draft,
    prepared: PreparedStudy,
    offers: Mapping[str, Offer],
    facts: OfferFacts,
    reasons: Mapping[str, str],
) -> dict[str, str]:
    """Dotted key, or table, to what the file says beside it."""
    kind = f"{len(facts.dataset.classes)} classes" if facts.classifies else "a regression"
    runs = "run" if prepared.runs_per_trial == 1 else f"{prepared.runs_per_trial} runs"
    notes = {
        "study": f"Question: which regularization makes {draft.model} generalize?\n"
        f"Source: drafted by regsearch init from the layers of the model and {len(facts.dataset):,} rows of "
        f"{draft.data.name} ({kind}).\n"
        f"Cost: {prepared.n_trials} trials of {runs} of at most {facts.epochs} epochs.\n"
        f"Every technique of [space] can be off: the search tries that, too.{_MIRRORED if facts.convolves else ''}",
        "study.n_trials": "a total: raise it and run again to go on",
        "data.standardize": "true scales inputs to mean 0, deviation 1",
        "data.missing": _GAPS.get(prepared.spec.data.missing or "", "") if facts.dataset.has_gaps else "",
        "data.scale_target": "true trains on targets of mean 0, deviation 1 and predicts in their own unit",
        "training.loss": "what fits the task"
        if prepared.spec.training.loss == TASK_LOSS
        else "as the setting says"
        if "loss" in draft.training
        else "as the model was compiled",
        "model.own": _own_in_words(prepared),
        "split.test": "sealed: no part in the search" if prepared.n_rows["test"] else "too few rows to seal any",
        "split.stop": "rows that early stopping watches: this share of those that train, or those that score",
        "training.epochs": "enough for the plain model to overfit? if not, raise it",
        "objective.metric": "penalty-free, on validation rows",
    }
    notes |= {f"data.{key}": reason for key, reason in reasons.items()}
    return notes | {f"space.{name}": offer.reason for name, offer in offers.items()}
