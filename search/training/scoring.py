"""Metrics of predictions, in NumPy, by scikit-learn's definitions.

Workers score every epoch of every run, so these are a few array operations each; scikit-learn's own functions
cost about a millisecond of argument checks a call, and an import. The tests hold each one against its namesake.

Throughout, for a classification `target` holds class indices, shape (rows,), int64, and `predicted`
probabilities: of class 1, shape (rows, 1), or of every class, shape (rows, classes). For a regression both are
numbers, shape (rows,) or (rows, targets).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from search.records import Direction, Task

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Metric:
    """One way to score predictions.

    Args:
        name: Its name in `[objective] metric`.
        direction: Whether a low or a high score is good.
        tasks: The tasks that it can score.
        score: From target and predictions to one number.
    """

    name: str
    direction: Direction
    tasks: frozenset[Task]
    score: Callable[[Array, Array], float]


def default_metric(task: Task) -> str:
    """The metric of a study that names none."""
    return "mse" if task == "regression" else "log_loss"


def log_loss(target: Array, predicted: Array) -> float:
    """Mean of -log(probability of the true class), probabilities clipped at the machine epsilon of their type."""
    probabilities = _class_probabilities(predicted)
    epsilon = np.finfo(probabilities.dtype).eps
    of_truth = np.take_along_axis(probabilities, target[:, None], axis=1)
    return -float(np.log(np.clip(of_truth, epsilon, 1 - epsilon)).mean(dtype=np.float64))


def accuracy(target: Array, predicted: Array) -> float:
    """Share of rows whose most probable class is the true one; a tie of two classes counts as class 0."""
    return float((_classes(predicted) == target).mean())


def balanced_accuracy(target: Array, predicted: Array) -> float:
    """Mean over the classes that occur in `target` of the share of their rows that is recognized."""
    hits, actual, _ = _counts(target, predicted)
    return float((hits[actual > 0] / actual[actual > 0]).mean())


def f1_macro(target: Array, predicted: Array) -> float:
    """Mean over the classes that occur, in `target` or among the predictions, of their F1."""
    hits, actual, claimed = _counts(target, predicted)
    occurring = actual + claimed > 0
    return float((2 * hits[occurring] / (actual + claimed)[occurring]).mean())


def mse(target: Array, predicted: Array) -> float:
    """Mean squared error over rows and targets."""
    return float(np.square(_errors(target, predicted)).mean())


def mae(target: Array, predicted: Array) -> float:
    """Mean absolute error over rows and targets."""
    return float(np.abs(_errors(target, predicted)).mean())


def r2(target: Array, predicted: Array) -> float:
    """Coefficient of determination, the mean over targets.

    A target that does not vary counts 1 when it is predicted exactly and 0 otherwise.
    """
    truth = _columns(target)
    unexplained = np.square(_errors(target, predicted)).sum(axis=0)
    total = np.square(truth - truth.mean(axis=0)).sum(axis=0)
    varies = total > 0
    ratio = np.divide(unexplained, total, out=np.zeros_like(total), where=varies)
    return float(np.where(varies, 1 - ratio, unexplained == 0).mean())


_CLASSIFICATION: frozenset[Task] = frozenset({"binary", "multiclass"})
_REGRESSION: frozenset[Task] = frozenset({"regression"})

METRICS: Mapping[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric("log_loss", "minimize", _CLASSIFICATION, log_loss),
        Metric("accuracy", "maximize", _CLASSIFICATION, accuracy),
        Metric("balanced_accuracy", "maximize", _CLASSIFICATION, balanced_accuracy),
        Metric("f1_macro", "maximize", _CLASSIFICATION, f1_macro),
        Metric("mse", "minimize", _REGRESSION, mse),
        Metric("mae", "minimize", _REGRESSION, mae),
        Metric("r2", "maximize", _REGRESSION, r2),
    )
}
"""Every metric by its name in [objective]."""


def _class_probabilities(predicted: Array) -> Array:
    """Probabilities of every class, shape (rows, classes)."""
    return np.hstack([1 - predicted, predicted]) if predicted.shape[1] == 1 else predicted


def _classes(predicted: Array) -> Array:
    """Index of the most probable class, shape (rows,)."""
    return predicted[:, 0] > 0.5 if predicted.shape[1] == 1 else predicted.argmax(axis=1)


def _counts(target: Array, predicted: Array) -> tuple[Array, Array, Array]:
    """Rows recognized, rows present and rows claimed, for each class."""
    classes = _classes(predicted).astype(np.int64)
    n_classes = max(2, predicted.shape[1])
    hits = np.bincount(target[target == classes], minlength=n_classes)
    return hits, np.bincount(target, minlength=n_classes), np.bincount(classes, minlength=n_classes)


def _columns(values: Array) -> Array:
    """One column a target, in double precision, shape (rows, targets)."""
    return values.reshape(len(values), -1).astype(np.float64)


def _errors(target: Array, predicted: Array) -> Array:
    return _columns(predicted) - _columns(target)
