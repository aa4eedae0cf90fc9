"""`draft_study`: a study file for a model and its data, with ranges that suit the layers found.

What is offered, and why, is written into the file as comments, for the user to change.
"""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from search.data import Dataset, is_one_hot
from search.errors import Problem, UsageError
from search.models import (
    FAMILIES,
    SCALING_LAYERS,
    Architecture,
    SavedModel,
    UnbuiltModelError,
    UnfitLossError,
    describe_model,
    read_model,
    study_loss,
)
from search.preparation.drafted_data import Draft, DraftedData, draft_data, filled_shape, fit_data, relative
from search.preparation.input_sizes import OF_A_STUDY, check_inputs, told_shape
from search.preparation.offers import Offer, OfferFacts, find_offers, size_of
from search.preparation.preparing import prepare_data
from search.preparation.resolving import taught_settings, tells_classes
from search.preparation.study import PreparedStudy
from search.preparation.texts import with_numbers_of_texts
from search.spec import (
    TASK_LOSS,
    Choices,
    ModelSection,
    ObjectiveSection,
    Range,
    StudySection,
    StudySpec,
    TrainingSection,
    spec_to_toml,
)

_RARE = 0.2  # share of one class of two, below which it is rare
HIDDEN = (128, 128)
"""Units of an mlp, the one family without a size of its own."""

_OF_IMAGES_OR_SEQUENCES = ("cnn", "lstm")
_MIRRORED = """
Where a mirrored image is still of its class, add: flip = { choices = ["horizontal"] }"""


def draft_study(draft: Draft) -> str:
    """The text of a study file that passes `regsearch check` beside its model and data.

    Raises:
        UsageError: Model or data are not of a kind that can be told, or do not fit each other.
        DataError: The data cannot be read, or is too little to be split.
    """
    model = _model_section(draft)
    drafted = draft_data(draft)
    saved = _read_model(draft, model, drafted)
    # A family ends as the task asks for; one-hot rows are hardly ever quantities.
    dataset = drafted.dataset
    if tells_classes(saved, dataset) or (saved is None and dataset.task == "regression" and is_one_hot(dataset.target)):
        built_for, drafted = drafted.shape, drafted.changed(task="classification")
        if model.builder is not None and drafted.shape != built_for:  # other rows are sealed, of other categories
            saved = _read_model(draft, model, drafted)
    drafted = fit_data(drafted, saved)
    check_inputs(drafted.development, saved, draft.place("model"), _otherwise(draft))
    dataset, shape = drafted.dataset, drafted.shape
    has_several = dataset.inputs or (saved is not None and (len(saved.inputs) > 1 or saved.texts))
    wanted = None if has_several else _wanted_shape(shape, model, saved)
    if wanted is not None:
        # A family has no scaling of its own; the user's model may have, and its images are best left as they are.
        standardize = dataset.standardize and saved is None
        drafted = drafted.changed(shape=wanted, standardize=standardize)
    place, seconds = draft.place("model"), drafted.section.timeout_seconds
    dataset, saved = with_numbers_of_texts(drafted.dataset, saved, draft.folder, place, seconds)
    if dataset is not drafted.dataset:
        drafted = dataclasses.replace(drafted, dataset=dataset)
    shape = wanted or drafted.shape
    data = drafted.section
    if saved is not None and saved.layers and saved.layers[0].path in SCALING_LAYERS and dataset.standardize:
        data = data.model_copy(update={"standardize": False})
        dataset = dataclasses.replace(dataset, standardize=False)
    size = size_of(len(dataset))
    training = TrainingSection.model_validate({"epochs": size.epochs, "batch_size": size.batch_size, **draft.training})
    told = taught_settings(training, saved, draft.place, dataset.output)
    training = TrainingSection.model_validate({**training.model_dump(exclude_unset=True), **told})
    plain = _describe(draft, model, shape, dataset, saved, training)
    decays = training.optimizer_arguments.get("weight_decay") is not None
    facts = OfferFacts(plain, dataset, size, training.epochs, decays)
    offers = find_offers(facts)
    balance = _balance(draft, facts)
    spec = StudySpec(
        study=StudySection(name=_study_name(draft.name), n_trials=size.n_trials, seed=draft.known_seed),
        data=data,
        split=draft.split(dataset),
        model=model,
        training=training,
        objective=ObjectiveSection(metric=balance.metric, output=draft.output),
        space={**{name: offer.values(facts) for name, offer in offers.items()}, **balance.space},
    )
    prepared = prepare_data(spec, dataset, draft.place, saved)
    # Left open, they fit n_trials whatever the user makes of it before the study begins.
    study = prepared.spec.study.model_copy(update={"window": None, "n_startup_trials": None})
    spec = prepared.spec.model_copy(update={"study": study})
    return spec_to_toml(spec, _comments(draft, prepared, offers, facts, drafted.reasons) | balance.reasons)


def _otherwise(draft: Draft) -> str:
    """What may be done about another number of inputs beside changing the model, in the words of who called."""
    if draft.prefix:
        return f"{OF_A_STUDY}, in a study file of your own"
    return "give a Sequential model without an input, or say how x is read: settings=[\"data.missing='impute'\"]"


def _read_model(draft: Draft, model: ModelSection, drafted: DraftedData) -> SavedModel | None:
    dataset, place = drafted.dataset, draft.place("model")
    try:
        return read_model(
            model,
            draft.folder,
            place,
            input_shape=drafted.shape,
            inputs=dataset.inputs,
            n_outputs=dataset.n_outputs,
            outputs=dataset.named_outputs,
            task=dataset.task,
            timeout_seconds=drafted.section.timeout_seconds,
        )
    except UnbuiltModelError as error:
        raise told_shape(error, drafted.development, drafted.shape) from error


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
    custom = None if draft.custom is None else relative(Path(draft.custom), draft.folder)
    if draft.model in FAMILIES:
        return ModelSection(family=draft.model, hidden=HIDDEN if "hidden" in FAMILIES[draft.model].required else None)
    if draft.model.endswith(".keras"):
        return ModelSection(keras=relative(Path(draft.model), draft.folder), custom=custom)
    if colon and file.endswith(".py"):
        return ModelSection(builder=f"{relative(Path(file), draft.folder)}:{function}", custom=custom)
    families = ", ".join(FAMILIES)
    raise UsageError(
        Problem(
            draft.place("model"),
            f'expected a family ({families}), "FILE.keras" or "FILE.py:function", received "{draft.model}"',
            'Save a Keras model with model.save("net.keras").' if Path(draft.model).suffix in (".h5", ".hdf5") else "",
        )
    )


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
        return filled_shape(saved.input_shape, n_columns)
    if model.family not in _OF_IMAGES_OR_SEQUENCES:
        return None
    for channels in (1, 3):
        edge = math.isqrt(n_columns // channels)
        if edge > 1 and edge * edge * channels == n_columns:
            color = (channels,) if channels > 1 else ()
            return (edge, edge, *color) if model.family == "cnn" else (edge, edge * channels)
    return (n_columns, 1) if model.family == "lstm" else None


def _study_name(wanted: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]", "_", wanted).lstrip("._-")[:100] or "study"


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
    notes |= {f"data.{key}" if key else "data": reason for key, reason in reasons.items()}
    return notes | {f"space.{name}": offer.reason for name, offer in offers.items()}
