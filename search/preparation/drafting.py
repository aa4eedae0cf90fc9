"""`draft_study`: a study file for a model and its data, with ranges that suit the layers found.

What is offered, and how wide, are rules of thumb. They are written into the file as comments, for the user to change.
"""

from __future__ import annotations

import contextlib
import dataclasses
import glob
import math
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from search.data import Dataset, HoldoutValidation, KFoldValidation, encoded_shape, read_data
from search.errors import DataError, Problem, UsageError
from search.models import FAMILIES, SCALING_LAYERS, Architecture, SavedModel, describe_model, read_model
from search.preparation.study import PreparedStudy, prepare_data
from search.spec import (
    DataSection,
    ModelSection,
    Range,
    SplitSection,
    StudySection,
    StudySpec,
    TrainingSection,
    spec_to_toml,
)
from search.techniques import TECHNIQUES, LayerTechnique, Part

_HIDDEN = (128, 128)  # of an mlp, the one family without a size of its own
_OF_IMAGES_OR_SEQUENCES = ("cnn", "lstm")


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
    """

    folder: Path
    model: str
    data: Path
    target: tuple[str, ...] = ()
    name: str = "study"
    prefix: str = "--"

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
    data, dataset = _read_rows(draft, scale_bytes=model.family is not None)
    shape, n_outputs, place = encoded_shape(dataset), dataset.n_outputs, draft.place("model")
    saved = read_model(
        model,
        draft.folder,
        place,
        input_shape=shape,
        n_outputs=n_outputs,
        task=dataset.task,
        timeout_seconds=data.timeout_seconds,
    )
    if (wanted := _wanted_shape(shape, model, saved)) is not None:
        # A family has no scaling of its own; the user's model may have, and its images are best left as they are.
        standardize = dataset.standardize and saved is None
        data = data.model_copy(update={"shape": wanted, "standardize": standardize})
        dataset = read_data(data, draft.folder, draft.place("data"), scale_bytes=model.family is not None)
    if saved is not None and saved.layers and saved.layers[0].path in SCALING_LAYERS and dataset.standardize:
        data = data.model_copy(update={"standardize": False})
        dataset = dataclasses.replace(dataset, standardize=False)
    size = _size_of(len(dataset))
    told = {} if saved is None else saved.training
    training = TrainingSection(**{"epochs": size.epochs, "batch_size": size.batch_size, **told})
    plain = describe_model(model, wanted or shape, n_outputs, dataset.task, saved, place)
    facts = _Facts(plain, dataset, size, training.epochs)
    offers = _offers(facts)
    spec = StudySpec(
        study=StudySection(name=_study_name(draft.name), n_trials=size.n_trials),
        data=data,
        model=model,
        training=training,
        space={name: offer.values(facts) for name, offer in offers.items()},
    )
    prepared = _split_as_finely_as_rows_allow(draft, spec, dataset, size, saved)
    return spec_to_toml(prepared.spec, _comments(draft, prepared, offers, facts))


@dataclass(frozen=True)
class _Size:
    """What the number of rows decides.

    Args:
        below: Number of rows below which this holds.
        n_trials: Trials in all.
        folds: Folds of a cross-validation; 1 for a single holdout.
        epochs: Epochs of a run.
        batch_size: Rows a step.
        penalty: Range of a weight penalty's coefficient.
        rate: Range of a rate.
    """

    below: float
    n_trials: int
    folds: int
    epochs: int
    batch_size: int
    penalty: tuple[float, float]
    rate: tuple[float, float]


_SIZES = (
    _Size(1_000, 60, 5, 200, 32, (1e-5, 1e-1), (0.05, 0.7)),
    _Size(20_000, 40, 3, 60, 64, (1e-6, 1e-2), (0.05, 0.5)),
    _Size(math.inf, 20, 1, 20, 128, (1e-7, 1e-3), (0.02, 0.4)),
)


@dataclass(frozen=True)
class _Facts:
    """What offers depend on."""

    plain: Architecture
    dataset: Dataset
    size: _Size
    epochs: int

    def suiting(self, technique: str) -> list[Part]:
        """The layers that the technique, named without a pattern, would reach."""
        known = TECHNIQUES[technique]
        if not isinstance(known, LayerTechnique):
            return []
        fitting = [layer for layer in self.plain.layers if known.fits(layer)]
        hidden = [layer for layer in fitting if layer.name not in self.plain.outputs]
        return hidden or (fitting if known.on_output else [])

    @property
    def classifies(self) -> bool:
        """Whether classes are told apart."""
        return self.dataset.task != "regression"

    @property
    def convolves(self) -> bool:
        """Whether rows are images, and the model looks at them as such."""
        is_image = len(self.plain.input_shape) in (2, 3)
        return is_image and any(layer.path == "layers.Conv2D" for layer in self.plain.layers)


def _penalty(facts: _Facts) -> Range:
    low, high = facts.size.penalty
    return Range(low=low, high=high, log=True)


def _decay(facts: _Facts) -> Range:
    return Range(low=1e-4, high=1.0, log=True)


def _rate(facts: _Facts) -> Range:
    low, high = facts.size.rate
    return Range(low=low, high=high)


def _patience(facts: _Facts) -> Range:
    low = max(1, facts.epochs // 20)
    return Range(low=low, high=max(low + 1, facts.epochs // 4), log=True)


def _between(low: float, high: float) -> Callable[[_Facts], Range]:
    return lambda facts: Range(low=low, high=high)


@dataclass(frozen=True)
class _Offer:
    """A technique that may be searched.

    Args:
        technique: Its name.
        values: What is searched.
        reason: Said beside it in the file.
        suits: Whether it is offered; default: when it suits a layer.
    """

    technique: str
    values: Callable[[_Facts], Range]
    reason: str
    suits: Callable[[_Facts], bool] | None = None

    def is_for(self, facts: _Facts) -> bool:
        """Whether it is offered."""
        return bool(facts.suiting(self.technique)) if self.suits is None else self.suits(facts)


_OFFERS = (
    _Offer("l2", _penalty, "keeps kernels small"),
    _Offer("recurrent_l2", _penalty, "the same for what comes back"),
    _Offer("weight_decay", _decay, "shrinks weights; times the learning rate", lambda facts: not facts.suiting("l2")),
    _Offer("dropout", _rate, "leaves out units"),
    _Offer("spatial_dropout", _rate, "leaves out whole feature maps"),
    _Offer("recurrent_dropout", _rate, "leaves out units on their way back"),
    _Offer("rotation", _between(0.01, 0.1), "turns images, share of a full turn", lambda facts: facts.convolves),
    _Offer("shift", _between(0.02, 0.15), "moves images, share of their edge", lambda facts: facts.convolves),
    _Offer("zoom", _between(0.02, 0.2), "brings images nearer or farther", lambda facts: facts.convolves),
    _Offer("label_smoothing", _between(0.01, 0.2), "asks for less than certainty", lambda facts: facts.classifies),
    _Offer("patience", _patience, "stops after so many epochs without improvement", lambda facts: True),
)
_MIRRORED = """
Where a mirrored image is still of its class, add: flip = { choices = ["horizontal"] }"""


def _model_section(draft: Draft) -> ModelSection:
    file, colon, function = draft.model.rpartition(":")
    if draft.model in FAMILIES:
        return ModelSection(family=draft.model, hidden=_HIDDEN if "hidden" in FAMILIES[draft.model].required else None)
    if draft.model.endswith(".keras"):
        return ModelSection(keras=_relative(Path(draft.model), draft.folder))
    if colon and file.endswith(".py"):
        return ModelSection(builder=f"{_relative(Path(file), draft.folder)}:{function}")
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


def _read_rows(draft: Draft, *, scale_bytes: bool) -> tuple[DataSection, Dataset]:
    suffix = draft.data.suffix.lower()
    if suffix not in (".csv", ".npz"):
        message = f'expected a file that ends in .csv or .npz, received "{draft.data}"'
        raise UsageError(Problem(draft.place("data"), message))
    section = DataSection(
        source=suffix.removeprefix("."),
        path=_relative(draft.data, draft.folder),
        target=(draft.target[0] if len(draft.target) == 1 else draft.target) if draft.target else None,
    )
    return section, read_data(section, draft.folder, draft.place("data"), scale_bytes=scale_bytes)


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


def _size_of(n_rows: int) -> _Size:
    return next(size for size in _SIZES if n_rows < size.below)


def _offers(facts: _Facts) -> dict[str, _Offer]:
    """What is offered, by its name in [space]."""
    return {name: offer for offer in _OFFERS if offer.is_for(facts) for name in _names_of(offer.technique, facts)}


def _names_of(technique: str, facts: _Facts) -> list[str]:
    """The technique's name; for dropout beside spatial dropout, one name for each dense layer."""
    if technique != "dropout" or not facts.suiting("spatial_dropout"):
        return [technique]
    dense = [layer.name for layer in facts.suiting(technique) if layer.path == "layers.Dense"]
    return [f"{glob.escape(name)}.{technique}" for name in dense]


def _study_name(wanted: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]", "_", wanted).lstrip("._-")[:100] or "study"


def _split_as_finely_as_rows_allow(
    draft: Draft, spec: StudySpec, dataset: Dataset, size: _Size, saved: SavedModel | None
) -> PreparedStudy:
    """The study with the most folds, up to those wanted, for which every part has rows of every class.

    With too few rows for any division of the others none are sealed, and then the rows that score stop runs, too.
    """
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


def _comments(draft: Draft, prepared: PreparedStudy, offers: Mapping[str, _Offer], facts: _Facts) -> dict[str, str]:
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
        "split.test": "sealed: no part in the search" if prepared.n_rows["test"] else "too few rows to seal any",
        "split.stop": "rows that early stopping watches: this share of those that train, or those that score",
        "training.epochs": "enough for the plain model to overfit? if not, raise it",
        "objective.metric": "penalty-free, on validation rows",
    }
    return notes | {f"space.{name}": offer.reason for name, offer in offers.items()}
