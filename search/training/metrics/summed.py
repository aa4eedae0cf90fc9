"""A score of several outputs: the weighted sum of what each of them scores."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from search.records import Direction, Task
from search.training.metrics._base import Metric, Rows

if TYPE_CHECKING:
    import tensorflow as tf

    from search.data import Dataset

_ALL_TASKS: frozenset[Task] = frozenset({"binary", "multiclass", "regression"})


@dataclass(frozen=True)
class Part:
    """One output.

    Args:
        name: Its name.
        metric: What scores it.
        weight: What its score is multiplied with.
        n_classes: Number of classes; 0 for numbers.
        n_targets: Numbers in its target.
    """

    name: str
    metric: Metric
    weight: float
    n_classes: int
    n_targets: int

    @property
    def width(self) -> int:
        """Columns of what it predicts: a probability for each class, or the numbers."""
        return self.n_classes or self.n_targets

    def target_of(self, columns: Rows) -> Rows:
        """Its target as its metric takes it."""
        if self.n_classes:
            return columns[:, 0].astype(np.int64)
        return columns[:, 0] if self.n_targets == 1 else columns

    def widened(self, predicted: Rows) -> Rows:
        """What it predicts, with a column for each of two classes."""
        predicted = predicted.reshape(len(predicted), -1)
        if self.n_classes == 2 and predicted.shape[1] == 1:
            return np.column_stack([1 - predicted, predicted])
        return predicted


@dataclass(frozen=True)
class SummedMetric(Metric):
    """The sum of the scores of several outputs, each times its weight.

    Targets and predictions of all stand beside one another in the columns of one array, in the order of the parts.

    Args:
        parts: The outputs, the study's first.
    """

    parts: tuple[Part, ...]
    name: str = "weighted_sum"
    direction: Direction = "minimize"
    tasks: frozenset[Task] = _ALL_TASKS
    is_of_one_output: ClassVar[bool] = False

    def target_of(self, dataset: Dataset) -> Rows:
        """The targets of all outputs, shape (rows, columns), float64."""
        further = {each.name: each.values for each in dataset.further}
        targets = [further.get(part.name, dataset.target) for part in self.parts]
        return np.column_stack([target.reshape(len(dataset), -1).astype(np.float64) for target in targets])

    def joined(self, predicted: list[Rows]) -> Rows:
        """What all outputs predict, beside one another.

        Args:
            predicted: Of each part probabilities or numbers in their own unit, shape (rows, ...).
        """
        return np.concatenate([part.widened(each) for part, each in zip(self.parts, predicted, strict=True)], axis=1)

    def score(self, target: Rows, predicted: Rows, weight: Rows | None = None) -> float:
        """The weighted sum."""
        return float(
            sum(
                part.weight * part.metric.score(of_part, told, weight)
                for part, of_part, told in self._taken_apart(target, predicted)
            )
        )

    def row_scores(self, target: Rows, predicted: Rows) -> Rows | None:
        """The weighted sum of what the rows score."""
        total = np.zeros(len(target))
        for part, of_part, told in self._taken_apart(target, predicted):
            scores = part.metric.row_scores(of_part, told)
            if scores is None:
                return None
            total += part.weight * scores
        return total

    def traced(self, target: tf.Tensor, predicted: tf.Tensor, counts: tf.Tensor, *, weighted: bool = True) -> tf.Tensor:
        """Not a number: programs evaluate the study's output alone."""
        import tensorflow as tf

        return tf.constant(np.nan, tf.float32)

    def constant(self, target: Rows, n_classes: int, weight: Rows | None = None) -> Rows:
        """The best of each output that is the same for every row."""
        guesses, first = [], 0
        for part in self.parts:
            of_part = part.target_of(target[:, first : first + part.n_targets])
            guess = np.atleast_1d(part.metric.constant(of_part, part.n_classes, weight))
            guesses.append(part.widened(guess.reshape(1, -1))[0])
            first += part.n_targets
        return np.concatenate(guesses)

    def _taken_apart(self, target: Rows, predicted: Rows) -> list[tuple[Part, Rows, Rows]]:
        predicted = np.broadcast_to(predicted, (len(target), sum(part.width for part in self.parts)))
        found, at_target, at_predicted = [], 0, 0
        for part in self.parts:
            of_part = part.target_of(target[:, at_target : at_target + part.n_targets])
            found.append((part, of_part, predicted[:, at_predicted : at_predicted + part.width]))
            at_target, at_predicted = at_target + part.n_targets, at_predicted + part.width
        return found


class NotScored(SummedMetric):
    """Stands for such a sum while a run trains, which is scored when it has ended."""

    def score(self, target: Rows, predicted: Rows, weight: Rows | None = None) -> float:
        """Not a number."""
        return float("nan")
