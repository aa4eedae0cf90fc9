"""Model families by the name that `[model] family` gives: one file a family, one line in the map."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from search.data import InputShapes, NamedOutput
from search.errors import Problem, StudyFileError
from search.models.architecture import Architecture
from search.models.ends import End, find_end
from search.models.families._base import Family
from search.models.families.cnn import Cnn
from search.models.families.lstm import Lstm
from search.models.families.mlp import Mlp
from search.models.families.multitask import Multitask
from search.models.families.own import NO_WEIGHTS, describe_own
from search.models.layer_arguments import LayerArgumentError, changed_model, with_layer_arguments
from search.models.losses import Loss
from search.models.own import stripped
from search.models.saved import SavedModel
from search.records import Task
from search.spec import ModelSection

FAMILIES: Mapping[str, Family] = {family.name: family for family in (Mlp(), Cnn(), Lstm(), Multitask())}
"""Every model family by its name in [model]."""


def describe_model(
    section: ModelSection,
    input_shape: tuple[int, ...],
    n_outputs: int,
    task: Task,
    saved: SavedModel | None = None,
    place: str = "[model]",
    *,
    loss: Loss | None = None,
    inputs: InputShapes = (),
    outputs: Sequence[NamedOutput] = (),
    loss_weights: Mapping[str, float] = NO_WEIGHTS,
) -> Architecture:
    """The plain model of a study: no technique is in it.

    Args:
        section: [model] of the study file, validated: `family` names a family of `FAMILIES`.
        input_shape: Shape of one row of the features, without the batch.
        n_outputs: Number of classes, or of targets for a regression.
        task: What is predicted.
        saved: The user's model, as `read_model` read it; None for a family's.
        place: Where the model is named, for errors.
        loss: The loss that the study names or the model was compiled with; None for what fits the task.
        inputs: Inputs that stand beside one another in a row; none where the data has but one.
        outputs: What each of several outputs predicts, the study's first; none where the data has but one target.
        loss_weights: Output to what its loss is multiplied with, where that is not as the model was compiled.

    Raises:
        StudyFileError: The model does not take such rows, does not predict what is to be predicted, or has not the
            layers whose arguments are to be changed.
        UnfitLossError: The loss is not for such a task.
    """
    if saved is not None:
        with _told_at(place):
            chosen = changed_model(saved.variant(section.options), section.layers or {})
        plain = describe_own(chosen, tuple(input_shape), n_outputs, task, place, loss, inputs, outputs, loss_weights)
        return plain if section.own != "strip" else replace(plain, layers=tuple(map(stripped, plain.layers)))
    if outputs or loss_weights:
        told = ", ".join(each.name for each in outputs) or "loss_weights"
        message = f"expected one target for a model of a family, received several: {told}"
        raise StudyFileError(Problem(place, message, "A model of several outputs is built by a function: builder."))
    if section.keras or section.builder:
        raise ValueError(f"expected the model of {section.keras or section.builder}, received none")
    plain = FAMILIES[section.family or "mlp"].describe(section, tuple(input_shape), n_outputs, task, place)
    with _told_at(place):
        plain = with_layer_arguments(plain, section.layers or {})
    return plain if loss is None else _trained_with(plain, find_end(task, n_outputs, loss))


@contextlib.contextmanager
def _told_at(place: str) -> Iterator[None]:
    """What is wrong with arguments of layers becomes a problem of the study file."""
    try:
        yield
    except LayerArgumentError as error:
        raise StudyFileError(Problem(place, str(error), error.remedy)) from error


def _trained_with(plain: Architecture, end: End) -> Architecture:
    """A family's model that ends as a loss wants it."""
    (activation, *_), last = end.activations, plain.output
    ended = last.with_arguments(units=end.units, activation=activation)
    layers = tuple(ended if layer is last else layer for layer in plain.layers)
    return replace(plain, layers=layers, loss=end.loss_behind(activation))


__all__ = ["FAMILIES", "Family", "describe_model"]
