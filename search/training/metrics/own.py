"""A metric that is a function of the user's, `FILE.py:function`: its text travels, and is run where rows are scored."""

from __future__ import annotations

import contextlib
import functools
import inspect
import math
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from textwrap import shorten
from typing import TYPE_CHECKING, Any

import numpy as np

from search.data.functions import MissingFunctionError, SourceFunction, last_line
from search.errors import RunFailedError
from search.records import Direction, Task
from search.spec.wording import did_you_mean
from search.training.metrics._base import Metric, Rows
from search.training.metrics._classes import class_shares
from search.training.metrics._counting import row_mean

if TYPE_CHECKING:
    import tensorflow as tf

_ALL_TASKS: frozenset[Task] = frozenset({"binary", "multiclass", "regression"})
_LONGEST = 200
"""Of what the user's code raised, in letters; `regsearch logs` has all of it."""


class OwnMetricError(RunFailedError):
    """The user's function cannot score.

    Args:
        place: Where it stands: `costs.py:12`, or the file alone.
        message: `expected ..., received ...`.
        remedy: What to do about it, one full sentence, or an empty string.
    """

    def __init__(self, place: str, message: str, remedy: str = "") -> None:
        self.place, self.message, self.remedy = place, message, remedy
        super().__init__(f"{place}: {message}. {remedy}" if remedy else f"{place}: {message}")

    def __reduce__(self) -> tuple[type[OwnMetricError], tuple[str, str, str]]:
        return type(self), (self.place, self.message, self.remedy)


@dataclass(frozen=True)
class OwnMetric(Metric):
    """A function `f(y_true, y_pred)` or `f(y_true, y_pred, sample_weight)`, written as scikit-learn's metrics are.

    It is given, as NumPy arrays:

    | argument | classification | regression |
    |---|---|---|
    | `y_true` | class indices, shape (rows,), in the order of the class labels | numbers in the target's own unit |
    | `y_pred` | probabilities: of class 1 of two, shape (rows,), or of each, shape (rows, classes) | numbers |
    | `sample_weight` | None, or how much each row counts, shape (rows,) | the same |

    Numbers have shape (rows,), or (rows, targets) where there are several. It returns one finite number.

    The file is run anew in each process that scores, as a module of its own: it may import what is installed there,
    and none of the files beside it. Inside a program it cannot be traced: there its curve is not known.

    Args:
        name: As in `[objective] metric`: `costs.py:cost`.
        direction: Whether a low or a high score is good.
        text: The file's text.
    """

    name: str
    direction: Direction
    text: str = field(repr=False)
    tasks: frozenset[Task] = field(default=_ALL_TASKS, init=False, repr=False)

    @property
    def file(self) -> str:
        """The file as the study names it."""
        return self.name.rpartition(":")[0]

    @property
    def function(self) -> str:
        """The name of the function."""
        return self.name.rpartition(":")[2]

    @functools.cached_property
    def source(self) -> SourceFunction:
        """The function as what travels."""
        return SourceFunction(self.file, self.function, self.text)

    @property
    def sha256(self) -> str:
        """Fingerprint of the text, in hexadecimal."""
        return self.source.sha256

    def load(self, *, weighted: bool) -> Callable[..., float]:
        """The function: the file is run, once a process.

        Args:
            weighted: Whether rows have weights.

        Raises:
            OwnMetricError: The file fails, or there is no such function in it, or none that takes weights.
        """
        with self._told("to be a function"):
            function = self._found()
        if weighted and not _takes_weight(function):
            message = f"expected {self.function} to take sample_weight, since rows have weights, received a function"
            raise OwnMetricError(self.file, f"{message} that does not", "Give it a third argument of this name.")
        return function

    def score(self, target: Rows, predicted: Rows, weight: Rows | None = None) -> float:
        """What the function returns.

        Raises:
            OwnMetricError: It cannot be had, fails, or returns something else than a finite number.
        """
        function = self.load(weighted=weight is not None)
        y_pred = predicted.astype(np.float64)
        if y_pred.ndim == 2 and y_pred.shape[1] == 1 and target.ndim == 1:
            y_pred = y_pred[:, 0]
        given = None if weight is None else weight.astype(np.float64)
        arguments = {"sample_weight": given} if _takes_weight(function) else {}
        with self._told("to return a finite number"):
            returned = function(target.copy(), y_pred, **arguments)
        return self._checked(returned)

    def _found(self) -> Callable[..., float]:
        try:
            return self.source.load()
        except MissingFunctionError as error:
            message = f'expected a function "{self.function}", received none'
            raise OwnMetricError(self.file, message, did_you_mean(self.function, error.known)) from error

    @contextlib.contextmanager
    def _told(self, wanted: str) -> Iterator[None]:
        """Say of whatever the user's code raises where that was; that memory ran out stays what it is."""
        try:
            yield
        except (MemoryError, KeyboardInterrupt, OwnMetricError):
            raise
        except BaseException as error:  # the user's code can raise anything, SystemExit too
            line = last_line(error, self.file)
            said = shorten(traceback.format_exception_only(error)[-1].strip().rstrip("."), _LONGEST, placeholder=" ...")
            message = f"expected {self.function} {wanted}, received {said}"
            raise OwnMetricError(f"{self.file}:{line}" if line else self.file, message) from error

    def _checked(self, returned: Any) -> float:
        message = f"expected {self.function} to return a finite number, received"
        if isinstance(returned, np.ndarray) and returned.ndim == 0:
            returned = returned[()]
        if isinstance(returned, bool) or not isinstance(returned, int | float | np.integer | np.floating):
            remedy = "It returns one number for all rows, as scikit-learn's metrics do."
            raise OwnMetricError(self.file, f"{message} {type(returned).__name__}", remedy)
        if not math.isfinite(returned):
            remedy = "Return what such predictions deserve instead."
            raise OwnMetricError(self.file, f"{message} {float(returned)}", remedy)
        return float(returned)

    def traced(self, target: tf.Tensor, predicted: tf.Tensor, counts: tf.Tensor, *, weighted: bool = True) -> tf.Tensor:
        """Not a number: Python of the user's cannot be traced."""
        import tensorflow as tf

        return tf.constant(np.nan, tf.float32)

    def constant(self, target: Rows, n_classes: int, weight: Rows | None = None) -> Rows:
        """The share of each class, or the mean of each target: what the function would like best is not known."""
        return class_shares(target, n_classes, weight) if n_classes else row_mean(target, weight)


def _takes_weight(function: Callable[..., Any]) -> bool:
    try:
        parameters = inspect.signature(function).parameters
    except (TypeError, ValueError):  # some functions written in C tell nothing
        return False
    return "sample_weight" in parameters or any(each.kind is each.VAR_KEYWORD for each in parameters.values())
