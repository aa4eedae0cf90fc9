"""Targets of a model of several outputs: one is what the study is about, the others train beside it.

What is scored, divided by class and predicted is the target of one output, the study's. The others have a part in the
loss of training, as Keras' `loss_weights` give it, and in nothing else.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from search.data.targets import tell_target
from search.data.wording import quote, quote_names, suggest_name
from search.errors import DataError, Problem
from search.records import Task

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class NamedOutput:
    """What an output of a model predicts.

    Args:
        name: The output's.
        n_outputs: Number of classes, or of numbers for a regression.
        task: What is predicted.
    """

    name: str
    n_outputs: int
    task: Task


@dataclass(frozen=True, eq=False)
class FurtherTarget:
    """The targets of an output that trains beside the study's.

    Args:
        name: The output's.
        values: As `Dataset.target`.
        task: What is predicted.
        classes: The label of each class index; empty for a regression.
    """

    name: str
    values: Array
    task: Task
    classes: tuple[str, ...] = ()

    @property
    def output(self) -> NamedOutput:
        """What the output predicts."""
        return NamedOutput(self.name, len(self.classes) or int(np.prod(self.values.shape[1:])), self.task)

    def take(self, rows: Array) -> FurtherTarget:
        """Those of some rows."""
        return dataclasses.replace(self, values=self.values[rows])


def main_output(targets: Mapping[str, Any], asked: str | None, place: str) -> str:
    """The output that a study is about: the one that [objective] names, else the first one.

    Raises:
        DataError: There is no such output.
    """
    if asked is None or asked in targets or "" in targets:
        return next(iter(targets)) if asked is None or "" in targets else asked
    message = f"expected output to be one of {quote_names(list(targets))}, received {quote(asked)}"
    raise DataError(Problem(place, message, suggest_name(asked, list(targets))))


def tell_further(targets: Mapping[str, Array], n_rows: int, place: str) -> tuple[FurtherTarget, ...]:
    """The targets of further outputs, checked.

    Args:
        targets: By the name of their output, as a source found them.
        n_rows: Number of rows.
        place: Where the data was named, for errors.

    Raises:
        DataError: They are not one for each row, or not what a target may be.
    """
    told = []
    for name, values in targets.items():
        where = f"{place} target {quote(name)}"
        if values.ndim == 0 or len(values) != n_rows:
            raise DataError(Problem(where, f"expected a target for each of {n_rows} rows, received {values.shape}"))
        found = tell_target(values, None, where)
        told.append(FurtherTarget(name, found.values, found.task, found.classes))
    return tuple(told)
