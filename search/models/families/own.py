"""The user's own model in a family's place."""

from __future__ import annotations

import math
from collections.abc import Iterator

from search.data import ONLY_INPUT
from search.errors import Problem, StudyFileError
from search.models.architecture import Architecture
from search.models.families._base import output_layer
from search.models.saved import SavedModel
from search.records import Task


def describe_own(
    saved: SavedModel, input_shape: tuple[int, ...], n_outputs: int, task: Task, place: str
) -> Architecture:
    """The plain model; arguments and errors as in `describe_model`."""
    problems = [*_unfit_rows(saved, input_shape, place), *_unfit_output(saved, n_outputs, task, place)]
    if problems:
        raise StudyFileError(problems)
    # Two units with a softmax tell two classes apart as well as one with a sigmoid does.
    _, loss = output_layer(n_outputs, "multiclass" if saved.activation == "softmax" else task)
    return Architecture(saved.name, {ONLY_INPUT: input_shape}, saved.layers, loss, saved=saved)


def _unfit_rows(saved: SavedModel, shape: tuple[int, ...], place: str) -> Iterator[Problem]:
    wanted = saved.input_shape
    sizes_fit = all(known in (None, size) for known, size in zip(wanted, shape, strict=False))
    if len(wanted) == len(shape) and sizes_fit:
        return
    sizes = [size for size in wanted if size is not None]
    reshaped = len(sizes) == len(wanted) and math.prod(sizes) == math.prod(shape)
    remedy = f"Write [data] shape = {sizes}." if reshaped else ""
    yield Problem(place, f"expected rows of shape {wanted}, which the model takes, received rows of {shape}", remedy)


def _unfit_output(saved: SavedModel, n_outputs: int, task: Task, place: str) -> Iterator[Problem]:
    output, _ = output_layer(n_outputs, "multiclass" if task == "binary" and saved.activation == "softmax" else task)
    units, activation = output.arguments["units"], output.arguments["activation"]
    # A regression may well end in relu or tanh; only what makes probabilities tells of another task.
    fits = saved.activation not in ("sigmoid", "softmax") if task == "regression" else saved.activation == activation
    if fits and saved.units in (None, units):
        return
    ends = f"{saved.units or 'some'} unit{'' if saved.units == 1 else 's'} with the activation {saved.activation}"
    wanted = f"Dense({units})" if task == "regression" else f'Dense({units}, activation="{activation}")'
    remedy = ""
    if task != "regression" and saved.activation == "linear":
        remedy = "Add the activation as a last layer, so that the model predicts probabilities."
    elif task == "regression" and not fits:
        remedy = 'Set data.task = "classification" when the target was taken for the wrong kind.'
    yield Problem(place, f"expected a model that ends like {wanted} for {_TARGETS[task]}, received {ends}", remedy)


_TARGETS = {
    "binary": "a target of two classes",
    "multiclass": "a target of several classes",
    "regression": "a target of numbers",
}
