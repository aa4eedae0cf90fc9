"""The rows of a fold become what a model is trained on, by steps that an exported model repeats."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from search.data import Arrays, Dataset, Encoder, Fold, prepare
from search.techniques import TECHNIQUES, DataTechnique, RowStep, Scaling
from search.training.plan import TrainingPlan

ClassWeight = str | Mapping[str, float]
"""`none`, `balanced`, or label to number."""

Changes = tuple[tuple[DataTechnique, float], ...]
"""Techniques that change all rows of a fold, in the order in which they do, and their values."""


@dataclass(frozen=True, eq=False)
class PreparedRows:
    """The rows of a fold as they are trained on, and all that was done to them.

    Args:
        arrays: The rows.
        steps: What made them of rows as the source gives them, or of a table's as its encoder leaves them, in order.
            All were fitted on the rows that train, each as the steps before left them.
    """

    arrays: Arrays
    steps: tuple[RowStep, ...]

    def encoded(self, dataset: Dataset) -> npt.NDArray[np.float32]:
        """Other rows as these are, shape (n, ...), float32: what the model sees of them.

        Args:
            dataset: Rows of the same source.
        """
        encoder = self.arrays.encoder
        if encoder is None:
            values, steps = np.asarray(dataset.features, np.float32), self.steps
        else:
            # It scales numbers itself, and that is the first of the steps.
            values, steps = encoder.transform(dataset), self.steps[len(list(_encoder_steps(encoder))) :]
        for step in steps:
            values = step(values)
        return values

    @property
    def n_bytes(self) -> int:
        """Memory that the rows take."""
        arrays = self.arrays
        return sum(rows.n_bytes for rows in (arrays.train, arrays.stop, arrays.validation))

    def changed(self, changes: Changes) -> PreparedRows:
        """The rows as techniques leave them."""
        arrays, steps = self.arrays, self.steps
        for technique, value in changes:
            step = technique.fit(arrays.train.array, value)
            arrays, steps = stepped(arrays, step), (*steps, step)
        return PreparedRows(arrays, steps)


def class_weights(
    y: npt.NDArray[np.int64], classes: Sequence[str], class_weight: ClassWeight
) -> npt.NDArray[np.float32]:
    """How much rows of each class count, shape (classes,).

    Args:
        y: Class indices of the rows that train.
        classes: The label of each class.
        class_weight: `balanced`, as in scikit-learn: rows over classes times rows of the class; or label to number, 1
            for the others.
    """
    if isinstance(class_weight, Mapping):
        return np.array([class_weight.get(label, 1.0) for label in classes], np.float32)
    counts = np.bincount(y, minlength=len(classes))
    return (len(y) / (len(classes) * np.maximum(counts, 1))).astype(np.float32)


def data_changes(values: Mapping[str, float]) -> Changes:
    """The techniques of a configuration that change all rows of a fold, in the order of `TECHNIQUES`."""
    known = (technique for technique in TECHNIQUES.values() if isinstance(technique, DataTechnique))
    return tuple((technique, values[technique.name]) for technique in known if technique.name in values)


def prepare_rows(
    plan: TrainingPlan, fold: Fold, *, keep_stop: bool, class_weight: ClassWeight = "none"
) -> PreparedRows:
    """The rows of a fold, encoded; no technique has changed them.

    Args:
        plan: Whose rows.
        fold: Which of them train, stop and score.
        keep_stop: Whether the stop rows stay apart; when not, they train too.
        class_weight: How much rows of a class count in training, as in [training].
    """
    arrays = prepare(plan.dataset, fold, keep_stop=keep_stop)
    if class_weight != "none":
        train = arrays.train
        weight = train.weight * class_weights(train.y, plan.dataset.classes, class_weight)[train.y]
        arrays = replace(arrays, train=replace(train, weight=weight))
    return PreparedRows(arrays, () if arrays.encoder is None else tuple(_encoder_steps(arrays.encoder)))


def _encoder_steps(encoder: Encoder) -> Iterator[RowStep]:
    """What an encoder does to the numbers of arrays; of a table's columns it makes inputs itself."""
    if (scaling := encoder.scaling()) is not None:
        yield Scaling(*scaling)


def stepped(arrays: Arrays, step: Callable[[npt.NDArray[np.float32]], npt.NDArray[np.float32]]) -> Arrays:
    """Arrays whose rows have taken one step more; the stop rows stay the validation rows where they are."""
    validation = arrays.validation.changed(step)
    stop = validation if arrays.stop is arrays.validation else arrays.stop.changed(step)
    return replace(arrays, train=arrays.train.changed(step), stop=stop, validation=validation)
