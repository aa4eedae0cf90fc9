"""The user's own model in a family's place."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from search.data import ONLY_INPUT, InputShapes, NamedOutput, in_words
from search.data.wording import quote, quote_names, suggest_name
from search.errors import Problem, StudyFileError
from search.models.architecture import Architecture, Beside
from search.models.ends import End, find_end
from search.models.losses import Loss
from search.models.saved import Output, SavedModel
from search.records import Task

NO_WEIGHTS: Mapping[str, float] = MappingProxyType({})
"""Outputs weigh as the model was compiled."""


def describe_own(
    saved: SavedModel,
    input_shape: tuple[int, ...],
    n_outputs: int,
    task: Task,
    place: str,
    loss: Loss | None = None,
    inputs: InputShapes = (),
    outputs: Sequence[NamedOutput] = (),
    loss_weights: Mapping[str, float] = NO_WEIGHTS,
) -> Architecture:
    """The plain model; arguments and errors as in `describe_model`."""
    named = {end.name: (number, end) for number, end in enumerate(saved.ends)}
    problems = list(_unfit_outputs(saved, outputs, loss_weights, place))
    if problems:
        raise StudyFileError(problems)
    number, output = named[outputs[0].name] if outputs else (0, saved.ends[0])
    end = _end(output, task, n_outputs, loss)
    unfit = (
        _unfit_inputs(saved, inputs, place)
        if inputs or len(saved.inputs) > 1
        else _unfit_rows(saved, input_shape, place)
    )
    ends = [(output, end, task)]
    for other in outputs[1:]:
        own = saved.compiled.losses.get(other.name)
        ends.append((named[other.name][1], _end(named[other.name][1], other.task, other.n_outputs, own), other.task))
    problems = [*unfit, *(problem for each in ends for problem in _unfit_output(*each, place))]
    problems += [problem for each, end, _ in ends[1:] for problem in _unfit_beside(each, end, place)]
    if problems:
        raise StudyFileError(problems)
    weights = [loss_weights.get(output.name)]
    weights += [loss_weights.get(each.name, _untrained(saved, each.name)) for each, *_ in ends[1:]]
    ended = [
        _weighed(end.loss_behind(each.activation), weight) for (each, end, _), weight in zip(ends, weights, strict=True)
    ]
    beside = tuple(
        Beside(other.name, named[other.name][0], loss, 0 if other.task == "regression" else other.n_outputs)
        for other, loss in zip(outputs[1:], ended[1:], strict=True)
    )
    return Architecture(
        saved.name,
        {ONLY_INPUT: input_shape},
        saved.layers,
        ended[0],
        saved=saved,
        joined=inputs,
        place=number,
        beside=beside,
    )


def _end(output: Output, task: Task, n_outputs: int, loss: Loss | None) -> End:
    """How a model of a task ends at an output."""
    # Two units with a softmax tell two classes apart as well as one with a sigmoid does.
    paired = output.activation != "softmax" and output.units in (None, 1)
    return find_end(task, n_outputs, loss, paired=paired)


def _untrained(saved: SavedModel, name: str) -> float | None:
    """0 for an output that the model was compiled without a loss for; None for others."""
    return 0.0 if saved.compiled.losses and saved.compiled.losses.get(name) is None else None


def _weighed(loss: Loss, weight: float | None) -> Loss:
    return loss if weight is None else replace(loss, weight=weight)


def _unfit_outputs(
    saved: SavedModel, outputs: Sequence[NamedOutput], loss_weights: Mapping[str, float], place: str
) -> Iterator[Problem]:
    """What is wrong with the targets that the data has, for the outputs that the model has."""
    known, given = [end.name for end in saved.ends], [each.name for each in outputs]
    example = ", ".join(f"y_{name}=..." for name in known)
    if len(known) > 1 and sorted(known) != sorted(given):
        received = f"targets of {quote_names(given)}" if given else "one target"
        yield Problem(
            place,
            f"expected targets of each output that the model has, {quote_names(known)}, received {received}",
            f"Save them as numpy.savez(path, x=x, {example}); of a table write target = {{ {known[0]} = ... }}.",
        )
    elif len(known) == 1 and given:
        message = (
            f"expected a model of the outputs {quote_names(given)}, which the data has, received one of one output"
        )
        yield Problem(place, message)
    for name in loss_weights:
        if name not in known:
            message = f"expected loss_weights of {quote_names(known)}, received {quote(name)}"
            yield Problem(place, message, suggest_name(name, known))


def _unfit_beside(output: Output, end: End, place: str) -> Iterator[Problem]:
    """A loss that takes class indices alone has no place beside another one, whose rows techniques may mix."""
    if end.loss.softened.form == "indices":
        message = f"expected a loss that takes shares of classes for the output {quote(output.name)}"
        yield Problem(place, f"{message}, received {end.loss.name}")


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


def _unfit_output(saved: Output, end: End, task: Task, place: str) -> Iterator[Problem]:
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


def _remedy(saved: Output, end: End, task: Task, *, fits: bool) -> str:
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
