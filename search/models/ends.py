"""How a model ends: which outputs a loss and a task want, and what makes predictions of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from search.data import SourceFunction
from search.models.losses import LOSSES, Link, Loss
from search.records import Task
from search.spec import TASK_LOSS, Called, TrainingSection

_OF_TASK = {
    "binary": "binary_crossentropy",
    "multiclass": "sparse_categorical_crossentropy",
    "regression": "mean_squared_error",
}
_LINKS: Mapping[str, Link] = MappingProxyType({"tanh": "halves"})


class UnfitLossError(ValueError):
    """A loss is not one for a task; the message is `expected ..., received ...`."""


@dataclass(frozen=True)
class End:
    """What comes last in a model.

    Args:
        units: Outputs a row.
        activations: Those that the last layer may have; a family's has the first.
        loss: The loss, told what it is given of a target.
    """

    units: int
    activations: tuple[str, ...]
    loss: Loss

    def loss_behind(self, activation: str) -> Loss:
        """The loss of a model that ends in one of the activations, told what makes probabilities of its outputs."""
        known = self.loss.known
        if self.loss.is_own:
            is_logits = activation == "linear" != self.activations[0]
            return replace(
                self.loss, link=("sigmoid" if self.loss.form == "column" else "softmax") if is_logits else None
            )
        if known.predicts == "numbers" or not (self.loss.takes_logits or known.predicts == "margins"):
            return self.loss
        of_logits: Link = "sigmoid" if self.loss.form == "column" else "softmax"
        return replace(self.loss, link=_LINKS.get(activation, of_logits))


def study_loss(training: TrainingSection, function: SourceFunction | None = None) -> Loss | None:
    """The loss that a study names; None for what fits the task.

    Args:
        training: [training] of the study.
        function: The user's function, where it names one. Only what trains has to know it.
    """
    named = training.loss
    if named is None or named == TASK_LOSS:
        return None
    if isinstance(named, str) and training.has_own_loss:
        return Loss(named, function=function)
    if isinstance(named, Called):
        return make_loss(named.name, named.arguments)
    return make_loss(named, {})


def make_loss(name: str, arguments: Mapping[str, Any]) -> Loss:
    """A loss from what a study file says of it; arguments at their defaults are left out."""
    defaults = LOSSES[name].arguments
    weight = float(arguments.get("weight", 1.0))
    given = tuple((key, arguments[key]) for key in defaults if arguments.get(key, defaults[key]) != defaults[key])
    return Loss(name, given, weight)


def find_end(task: Task, n_outputs: int, loss: Loss | None, *, paired: bool = True) -> End:
    """How a model of a task ends.

    Args:
        task: What is predicted.
        n_outputs: Number of classes, or of targets.
        loss: What it is trained with; None for what fits the task.
        paired: Whether one output tells two classes apart; otherwise each has one of its own.

    Raises:
        UnfitLossError: The loss is not for such a task.
    """
    pair = task == "binary" and paired
    if loss is not None and loss.is_own:
        return _own_end(task, n_outputs, loss, pair=pair)
    if loss is None:
        loss = Loss(_OF_TASK[task if task != "binary" or pair else "multiclass"])
    known = loss.known
    if task == "regression":
        if known.predicts != "numbers":
            raise UnfitLossError(f'expected a loss of numbers for a regression, received "{loss.name}"')
        return End(n_outputs, ("linear",), loss)
    if known.predicts == "numbers":  # squared errors of probabilities, the Brier score among them
        loss = replace(loss, form="column" if pair else "one_hot")
    elif known.form == "column" and task == "multiclass":
        raise UnfitLossError(f'expected a loss of several classes, received "{loss.name}", which is of two')
    column = loss.form == "column"
    if loss.takes_logits:
        activations: tuple[str, ...] = ("linear",)
    elif known.predicts == "margins":
        activations = ("linear", "tanh") if column else ("linear",)
    else:
        activations = ("sigmoid",) if column else ("softmax",)
    return End(1 if column else n_outputs, activations, loss)


def _own_end(task: Task, n_outputs: int, loss: Loss, *, pair: bool) -> End:
    """How a model ends that a function of the user's is the loss of: it may take probabilities or logits."""
    if task == "regression":
        return End(n_outputs, ("linear",), replace(loss, form="column"))
    if pair:
        return End(1, ("sigmoid", "linear"), replace(loss, form="column"))
    return End(n_outputs, ("softmax", "linear"), replace(loss, form="one_hot"))
