"""A target becomes class indices or quantities, and with it the task is told."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from search.data.wording import count, quote_names
from search.errors import DataError, Problem
from search.records import Task
from search.spec.sections import TaskName

MOST_CODED_CLASSES = 20
"""A target of whole numbers is a set of classes up to this many different ones."""


@dataclass(frozen=True)
class Target:
    """A checked target.

    Args:
        values: int64 class indices, shape (n,); or float64, shape (n,) or (n, k), each within what float32 can hold.
        task: Binary, multiclass or regression.
        classes: Label of each class index, in sorted order; empty for regression.
        notes: What the user should know about how the task was told.
    """

    values: npt.NDArray[Any]
    task: Task
    classes: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def tell_target(values: npt.NDArray[Any], task: TaskName | None, place: str) -> Target:
    """Tell classes from quantities and check them.

    Text, whole-number and boolean dtypes are classes, floating dtypes are quantities, unless `task` says
    otherwise.

    Args:
        values: Shape (n,), (n, 1) or (n, k); numbers, booleans or text.
        task: What the study file says, or None.
        place: Where the data was named, for errors.

    Raises:
        DataError: The target does not fit the task, holds NaN or infinity, or has too few values or rows of a
            class.
    """
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.dtype.kind not in "biufU":
        raise DataError(Problem(place, f"expected a target of numbers or text, received dtype {values.dtype}"))
    if values.ndim not in (1, 2) or values.size == 0:
        raise DataError(Problem(place, f"expected one target for each row, received shape {values.shape}"))
    _check_finite(values, place)
    if task == "regression" or (task is None and values.dtype.kind == "f"):
        return _tell_quantities(values, task, place)
    return _tell_classes(values, place)


_LARGEST_CODE = np.float64(2**53)  # of NumPy, so that halves are compared in float64
"""Beyond it numbers are no whole ones any more, and beyond 2**63 no 64 bits hold them."""


def is_coded(values: npt.NDArray[Any]) -> bool:
    """Whether numbers look like classes: few different whole ones, and far fewer than there are rows."""
    if not np.all((values == np.round(values)) & (np.abs(values) < _LARGEST_CODE)):
        return False
    different = len(np.unique(values))
    return different == 2 or (different <= MOST_CODED_CLASSES and 5 * different <= len(values))


def is_one_hot(values: npt.NDArray[Any]) -> bool:
    """Whether each row holds a single 1 among zeros, as Keras takes classes, and each class occurs."""
    if values.ndim != 2 or values.shape[1] < 2 or values.dtype.kind not in "biuf":
        return False
    return bool(np.isin(values, (0, 1)).all() and (values.sum(axis=1) == 1).all() and values.any(axis=0).all())


def _check_finite(values: npt.NDArray[Any], place: str) -> None:
    if values.dtype.kind != "f":
        return
    wrong = np.flatnonzero(~np.isfinite(values).reshape(len(values), -1).all(axis=1))
    if len(wrong):
        received = values.reshape(len(values), -1)[wrong[0]]
        bad = received[~np.isfinite(received)][0]
        more = f" (and {count(len(wrong) - 1, 'more row')})" if len(wrong) > 1 else ""
        raise DataError(
            Problem(
                place,
                f"expected a finite target, received {bad} in row {wrong[0]}, counted from 0{more}",
                "Drop these rows.",
            )
        )


def _tell_quantities(values: npt.NDArray[Any], task: TaskName | None, place: str) -> Target:
    if values.dtype.kind == "U":
        raise DataError(
            Problem(
                place,
                f'expected a target of numbers for regression, received "{values.flat[0]}"',
                'Set task = "classification" if the target names classes.',
            )
        )
    if len(np.unique(values, axis=0)) < 2:
        raise DataError(Problem(place, f"expected at least 2 different targets, received only {values.flat[0]:g}"))
    with np.errstate(over="ignore"):
        fits = np.isfinite(values.astype(np.float32)).all()
    if not fits:
        raise DataError(
            Problem(place, "expected targets that float32 can hold, received a larger one", "Scale the target.")
        )
    notes: tuple[str, ...] = ()
    if task is None and values.ndim == 1 and is_coded(values):
        notes = (
            f"The target holds {len(np.unique(values))} different whole numbers, stored as floats, and is taken "
            'for a quantity; set task = "classification" if they are classes.',
        )
    if task is None and is_one_hot(values):
        notes = (
            "Each row of the targets holds a single 1, and they are taken for quantities; "
            'set task = "classification" if they are classes.',
        )
    return Target(values.astype(np.float64), "regression", notes=notes)


def _tell_classes(values: npt.NDArray[Any], place: str) -> Target:
    if is_one_hot(values):
        told = _tell_classes(values.argmax(axis=1), place)
        return replace(told, notes=(f"One-hot targets are taken for {values.shape[1]} classes, by their columns.",))
    if values.ndim != 1:
        raise DataError(
            Problem(
                place,
                f"expected one class label for each row, shape (n,), received shape {values.shape}",
                'Give the number of the class instead of one-hot rows, or set task = "regression".',
            )
        )
    labels, indices, rows = np.unique(values, return_inverse=True, return_counts=True)
    classes = tuple(_label(value) for value in labels)
    if len(classes) < 2:
        raise DataError(Problem(place, f'expected at least 2 classes, received only "{classes[0]}"'))
    if single := [label for label, n in zip(classes, rows, strict=True) if n < 2]:
        raise DataError(
            Problem(
                place,
                f"expected at least 2 rows of every class, received a single row of {quote_names(single)}",
                "Drop or merge these classes."
                + ("" if values.dtype.kind == "U" else ' Set task = "regression" if the target is a quantity.'),
            )
        )
    return Target(indices.astype(np.int64), "binary" if len(classes) == 2 else "multiclass", classes)


def _label(value: Any) -> str:
    """`3` for 3 and for 3.0: a label reads the same whether a file stored whole numbers or floats."""
    if isinstance(value, np.floating):
        return str(int(value)) if float(value).is_integer() else repr(float(value))
    return str(value)
