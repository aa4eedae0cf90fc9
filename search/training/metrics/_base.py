"""What a metric is: one way to score predictions."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import numpy.typing as npt

from search.records import Direction, Task

if TYPE_CHECKING:
    import tensorflow as tf

    from search.data import Dataset

Rows = npt.NDArray[Any]
"""A value, or several, for each row."""


class Metric(ABC):
    """One way to score predictions, written twice: in NumPy for the score, in TensorFlow for the curve.

    Rows may count more or less than others: by the weights that the data gives them, as scikit-learn's `sample_weight`.
    What [training] says of classes' weights is no part of a score.

    Attributes:
        name: Its name in `[objective] metric`.
        direction: Whether a low or a high score is good.
        tasks: The tasks that it can score.
        is_of_one_output: Whether it scores one output of a model.
    """

    name: str
    direction: Direction
    tasks: frozenset[Task]
    is_of_one_output: ClassVar[bool] = True

    def target_of(self, dataset: Dataset) -> Rows:
        """The target of some rows as `score` takes it."""
        return dataset.target

    @property
    def arguments(self) -> Mapping[str, Any]:
        """What else it takes in a study file, and what that is here; of those in `METRICS` the defaults."""
        return {}

    @property
    def label(self) -> str:
        """The name as it is shown, with what else makes it another metric."""
        return self.name

    @abstractmethod
    def score(self, target: Rows, predicted: Rows, weight: Rows | None = None) -> float:
        """The score of some rows, by scikit-learn's definition.

        Args:
            target: For a classification class indices, shape (rows,), int64; for a regression numbers, shape (rows,)
                or (rows, targets).
            predicted: For a classification probabilities: of class 1, shape (rows, 1), or of every class, shape
                (rows, classes). For a regression numbers, in a shape like the target's.
            weight: How much each row counts, at least 0, shape (rows,); None when all count alike. A class whose rows
                all have weight 0 does not occur.

        Returns:
            The score; not a number when all weights are 0.
        """

    def row_scores(self, target: Rows, predicted: Rows) -> Rows | None:
        """One number for each row whose mean over rows, each as often as it counts, is `score`, to rounding.

        Args:
            target: As `score` takes it.
            predicted: As `score` takes it.

        Returns:
            Shape (rows,), of a floating type; None of a metric that is no such mean, which is the default.
        """
        return None

    @abstractmethod
    def traced(self, target: tf.Tensor, predicted: tf.Tensor, counts: tf.Tensor, *, weighted: bool = True) -> tf.Tensor:
        """The same of some rows among others, inside a program.

        A run's score is not taken from here: that is computed once, by `score`, at the weights kept. TensorFlow is
        imported in here, nowhere else.

        Args:
            target: As the loss takes it: class indices, shape (rows,) or (rows, 1); or numbers, shape (rows, targets),
                each target less some number of its own, which float32 then need not hold.
            predicted: Probabilities or numbers, shape (rows, outputs), float32; numbers less the same.
            counts: How much each row counts, at least 0, and 0 for those that only fill a program's room up, shape
                (rows,), float32.
            weighted: Whether `counts` may hold other numbers than 0 and 1, known when the program is traced: a metric
                may have a quicker way when not.

        Returns:
            A scalar, float32; it means nothing when no row counts.
        """

    @abstractmethod
    def constant(self, target: Rows, n_classes: int, weight: Rows | None = None) -> Rows:
        """The best prediction that is the same for every row, as far as these rows tell.

        Args:
            target: Of the rows that train, as `score` takes it.
            n_classes: Number of classes; 0 for a regression.
            weight: How much each of them counts, as `score` takes it; not all 0.

        Returns:
            The prediction for one row: `score` takes it broadcast to all.
        """
