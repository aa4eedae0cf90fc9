"""Architectures that a study may train: options of a builder and arguments of layers, beside keys of [model]."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any

from search.data import Dataset, check_fits, encoded_shape, in_gib, is_table, machine_bytes
from search.errors import Problem, StudyFileError
from search.models import (
    Architecture,
    LayerArgumentError,
    SavedModel,
    UnfitLossError,
    check_value,
    count_weights,
    describe_model,
    given_value,
    study_loss,
    thawed,
)
from search.preparation.resolving import Place
from search.spec import Choices, ModelSection, Range, StudySpec, baseline_problem

MOST_MODELS = 256
"""Models that a builder is asked for, at most: all are made before the search."""

_BYTES_OF_A_WEIGHT = 20
"""Of float32: the weight, its gradient, two numbers of the optimizer's, and the best one so far."""

_BYTES_OF_AN_INPUT = 12
"""In float32, once more where columns are put together, and again in the rows of a fold."""

_OPTIONS = "model.options."


def searched_options(spec: StudySpec, place: Place) -> list[dict[str, Any]]:
    """Every choice of a builder's options that a study may make; none where it searches none.

    Raises:
        StudyFileError: They cannot be counted, or are too many.
    """
    values: dict[str, tuple[Any, ...]] = {}
    n_models = 1
    for name, entry in spec.space.items():
        if not name.startswith(_OPTIONS):
            continue
        if isinstance(entry, Range) and not _is_counted(entry):
            message = f"expected choices, or whole numbers from low to high, for {name}, received a range of reals"
            raise StudyFileError(
                Problem(place("space", name), message, "The builder is called for each before the search.")
            )
        n_models *= len(entry.choices) if isinstance(entry, Choices) else len(_counted(entry))
        if n_models > MOST_MODELS:
            message = f"expected at most {MOST_MODELS} models of the builder, received {n_models:,} choices of options"
            raise StudyFileError(Problem(place("space", name), message, "Shorten the lists, or give a range a step."))
        values[name.removeprefix(_OPTIONS)] = entry.choices if isinstance(entry, Choices) else tuple(_counted(entry))
    return [dict(zip(values, each, strict=True)) for each in itertools.product(*values.values())] if values else []


def _is_counted(entry: Range) -> bool:
    return all(isinstance(end, int) for end in (entry.low, entry.high, entry.step) if end is not None)


def _counted(entry: Range) -> range:
    return range(int(entry.low), int(entry.high) + 1, int(entry.step or 1))


def with_given_arguments(spec: StudySpec, dataset: Dataset, saved: SavedModel | None, place: Place) -> StudySpec:
    """The study with the baseline's value of each option and of each argument of layers that is searched.

    Raises:
        StudyFileError: The model has no such layer or argument, or its value is not among those that are searched.
    """
    spec = _with_options(spec, saved, place)
    _check_fixed(spec, dataset, saved, place)
    names = [name for name in spec.space if _is_of_layers(name)]
    if not names:
        return spec
    plain = describe(spec, spec.model, dataset, saved, place)
    given = dict(spec.model.layers or {})
    for name in names:
        entry, inner, where = spec.space[name], name.removeprefix("model."), place("space", name)
        try:
            current = given.get(inner, given_value(plain, inner))
            for value in entry.choices if isinstance(entry, Choices) else (entry.low, entry.high):
                check_value(plain, inner, value)
        except LayerArgumentError as error:
            raise StudyFileError(Problem(where, str(error), error.remedy)) from error
        if current is None and isinstance(entry, Range):
            message = f"expected choices, since the layers of {inner} have no value in common, received a range"
            raise StudyFileError(Problem(where, message, "Name one layer, or write { choices = [...] }."))
        if current is None:
            continue
        if (problem := baseline_problem(inner, entry, current)) is not None:
            raise StudyFileError(Problem(where, problem[0], f"Add {_shown(current)}, which is the model's own."))
        given[inner] = current
    return spec.model_copy(update={"model": spec.model.model_copy(update={"layers": given or None})})


def _check_fixed(spec: StudySpec, dataset: Dataset, saved: SavedModel | None, place: Place) -> None:
    """Refuse what [model] says of layers where it does not fit the model."""
    if not spec.model.layers:
        return
    plain = describe(spec, spec.model.model_copy(update={"layers": None}), dataset, saved, place)
    for name, value in spec.model.layers.items():
        try:
            check_value(plain, name, value)
        except LayerArgumentError as error:
            raise StudyFileError(Problem(place("model", "layers"), str(error), error.remedy)) from error


def check_unfreeze(spec: StudySpec, plain: Architecture, place: Place) -> None:
    """Refuse patterns of layers for a second phase that match no frozen layer."""
    phase = spec.training.unfreeze
    if phase is None:
        return
    where = place("training", "unfreeze")
    if spec.study.pruner not in ("auto", "none", "wilcoxon"):
        message = f'expected pruner = "none" or "wilcoxon" beside unfreeze, received "{spec.study.pruner}"'
        raise StudyFileError(Problem(where, message, "Epochs of two phases tell nothing of one another."))
    try:
        thawed(plain, phase.layers)
    except LayerArgumentError as error:
        raise StudyFileError(Problem(where, str(error), error.remedy)) from error


def _with_options(spec: StudySpec, saved: SavedModel | None, place: Place) -> StudySpec:
    names = [name for name in spec.space if name.startswith(_OPTIONS)]
    if not names or saved is None:
        return spec
    given = {**dict(saved.defaults), **(spec.model.options or {})}
    for name in names:
        problem = baseline_problem(name, spec.space[name], given.get(name.removeprefix(_OPTIONS)))
        if problem is not None:
            raise StudyFileError(Problem(place("space", name), *problem))
    searched = {name.removeprefix(_OPTIONS) for name in names} | set(spec.model.options or {})
    kept = {name: value for name, value in given.items() if name in searched}
    return spec.model_copy(update={"model": spec.model.model_copy(update={"options": kept})})


def _shown(value: Any) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value).lower() if isinstance(value, bool) else str(value)


def _is_of_layers(name: str) -> bool:
    """Whether a setting is an argument of layers."""
    return name.startswith("model.") and "." in name.removeprefix("model.") and not name.startswith(_OPTIONS)


def architectures(spec: StudySpec, dataset: Dataset, saved: SavedModel | None, place: Place) -> list[Architecture]:
    """The plain architectures that the study may train: one for each choice of a searched model.

    Sizes of layers change neither their names nor their kinds: of those each choice is taken by itself.
    """
    searched = {
        name: entry.choices
        for name, entry in spec.space.items()
        if name.startswith("model.") and isinstance(entry, Choices)
    }
    alone = {name: choices for name, choices in searched.items() if _is_of_layers(name)}
    whole = {name: choices for name, choices in searched.items() if name not in alone}
    settings: list[Mapping[str, Any]] = [
        dict(zip(whole, choice, strict=True)) for choice in itertools.product(*whole.values())
    ]
    settings += [{name: choice} for name, choices in alone.items() for choice in choices]
    return [describe(spec, spec.configured(each).model, dataset, saved, place) for each in settings]


def check_sizes(plain: Sequence[Architecture], dataset: Dataset, place: Place) -> None:
    """Refuse models, and inputs of them, that no machine like this one could train on.

    Raises:
        StudyFileError: A model has too many weights.
        DataError: A table has too many inputs: each category of its text is one.
    """
    if is_table(dataset.features):
        n_inputs = sum(map(math.prod, plain[0].inputs.values()))
        received = f"{len(dataset):,} rows of {n_inputs:,} inputs"
        remedy = "Each category of a text column is an input: set data.min_frequency, or drop columns."
        check_fits(_BYTES_OF_AN_INPUT * len(dataset) * n_inputs, received, place("data"), remedy)
    n_weights = max(map(count_weights, plain))
    needed, room = _BYTES_OF_A_WEIGHT * n_weights, machine_bytes()
    if needed > room:
        message = (
            f"expected a model whose training fits into {in_gib(room)}, received one of about {n_weights:,} weights"
        )
        raise StudyFileError(
            Problem(place("model"), f"{message}, which takes {in_gib(needed)}", "Make its layers smaller.")
        )


def describe(
    spec: StudySpec, model: ModelSection, dataset: Dataset, saved: SavedModel | None, place: Place
) -> Architecture:
    """The plain architecture of one [model]."""
    try:
        return describe_model(
            model,
            encoded_shape(dataset),
            dataset.n_outputs,
            dataset.task,
            saved,
            place("model"),
            loss=study_loss(spec.training),
            inputs=dataset.inputs,
            outputs=dataset.named_outputs,
            loss_weights=spec.training.loss_weights or {},
        )
    except UnfitLossError as error:
        raise StudyFileError(Problem(place("training", "loss"), str(error))) from error
