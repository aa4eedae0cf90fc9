"""What metrics of regressions share."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np

from search.records import Task
from search.training.metrics._base import Metric, Rows

if TYPE_CHECKING:
    import tensorflow as tf


class NumberMetric(Metric):
    """A metric of regressions; default: the best constant is the mean, as it is for squared errors."""

    tasks: ClassVar[frozenset[Task]] = frozenset({"regression"})

    def constant(self, target: Rows, n_classes: int) -> Rows:
        """The mean of each target, shape () or (targets,), float64."""
        return np.asarray(target.mean(axis=0, dtype=np.float64))


def columns(values: Rows) -> Rows:
    """One column a target, in double precision, shape (rows, targets)."""
    return values.reshape(len(values), -1).astype(np.float64)


def errors(target: Rows, predicted: Rows) -> Rows:
    """Predicted less true numbers, shape (rows, targets), float64."""
    return columns(predicted) - columns(target)


def traced_errors(target: tf.Tensor, predicted: tf.Tensor) -> tf.Tensor:
    """Predicted less true numbers, shape (rows, targets), float32."""
    import tensorflow as tf

    return predicted - tf.cast(target, tf.float32)
