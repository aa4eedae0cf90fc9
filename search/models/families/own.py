"""The user's own model in a family's place."""

from __future__ import annotations

import math
from collections.abc import Iterator

from search.data import ONLY_INPUT, InputShapes, in_words
from search.errors import Problem, StudyFileError
from search.models.architecture import Architecture
from search.models.ends import End, find_end
from search.models.losses import Loss
from search.models.saved import SavedModel
from search.records import Task


def describe_own(
    saved: SavedModel,
    input_shape: tuple[int, ...],
    n_outputs: int,
    task: Task,
    place: str,
    loss: Loss | None = None,
    inputs: InputShapes = (),
) -> Architecture:
    """The plain model; arguments and errors as in `describe_model`."""
    # Two units with a softmax tell two classes apart as well as one with a sigmoid does.
    paired = saved.activation != "softmax" and saved.units in (None, 1)
    end = find_end(task, n_outputs, loss, paired=paired)
    unfit = (
        _unfit_inputs(saved, inputs, place)
        if inputs or len(saved.inputs) > 1
        else _unfit_rows(saved, input_shape, place)
    )
    problems = [*unfit, *_unfit_output(saved, end, task, place)]
    if problems:
        raise StudyFileError(problems)
    ended = end.loss_behind(saved.activation)
    return Architecture(saved.name, {ONLY_INPUT: input_shape}, saved.layers, ended, saved=saved, joined=inputs)


def _unfit_inputs(saved: SavedModel, inputs: InputShapes, place: str) -> Iterator[Problem]:
    wanted, given = dict(saved.inputs), dict(inputs)
    fits = wanted.keys() == given.keys() and all(_fits(wanted[name], given[name]) for name in wanted)
    if fits:
        return
    expected = in_words(saved.inputs)
    received = in_words(inputs) if inputs else "rows of one input"
    example = ", ".join(f"x_{name}=..." for name in wanted)
    yield Problem(
        place,
        f"expected rows of the inputs {expected}, which the model takes, received {received}",
        f"Save them as numpy.savez(path, {example}, y=y); an input's name is what keras.Input was given as its name.",
    )


def _fits(wanted: tuple[int | None, ...], shape: tuple[int, ...]) -> bool:
    return len(wanted) == len(shape) and all(known in (None, size) for known, size in zip(wanted, shape, strict=True))


def _unfit_rows(saved: SavedModel, shape: tuple[int, ...], place: str) -> Iterator[Problem]:
    wanted = saved.input_shape
    if _fits(wanted, shape):
        return
    sizes = [size for size in wanted if size is not None]
    reshaped = len(sizes) == len(wanted) and math.prod(sizes) == math.prod(shape)
    remedy = f"Write [data] shape = {sizes}." if reshaped else ""
    yield Problem(place, f"expected rows of shape {wanted}, which the model takes, received rows of {shape}", remedy)


def _unfit_output(saved: SavedModel, end: End, task: Task, place: str) -> Iterator[Problem]:
    # A regression may well end in relu or tanh; only what makes probabilities tells of another task.
    if task == "regression":
        fits = saved.activation not in ("sigmoid", "softmax")
    else:
        fits = saved.activation in end.activations
    if fits and saved.units in (None, end.units):
        return
    ends = f"{saved.units or 'some'} unit{'' if saved.units == 1 else 's'} with the activation {saved.activation}"
    activation = end.activations[0]
    wanted = f"Dense({end.units})" if activation == "linear" else f'Dense({end.units}, activation="{activation}")'
    yield Problem(
        place,
        f"expected a model that ends like {wanted} for {_TARGETS[task]}, received {ends}",
        _remedy(saved, end, task, fits=fits),
    )


def _remedy(saved: SavedModel, end: End, task: Task, *, fits: bool) -> str:
    if task == "regression":
        return "" if fits else 'Set data.task = "classification" when the target was taken for the wrong kind.'
    if saved.activation == "linear" and "from_logits" in end.loss.known.arguments:
        named = f'{{ name = "{end.loss.name}", from_logits = true }}'
        return (
            "Add the activation as a last layer, so that the model predicts probabilities; or, where its outputs are "
            f"logits, set training.loss = {named}."
        )
    return ""


_TARGETS = {
    "binary": "a target of two classes",
    "multiclass": "a target of several classes",
    "regression": "a target of numbers",
}
