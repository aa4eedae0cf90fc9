"""What every technique tells, and what each kind of technique does, and where.

| kind | acts on | when |
|---|---|---|
| `LayerTechnique` | layers of the model | the model is built |
| `InputTechnique` | what stands between the input and the first layer | the model is built |
| `OptimizerTechnique` | the optimizer | it is made |
| `BatchTechnique` | rows and targets of a training batch | each training step |
| `WeightTechnique` | the weights that a training step computes its gradients at | each training step |
| `DataTechnique` | all rows of a fold | before a run, in NumPy |
| `Technique` itself | the loop (early stopping, averaging, warm starts): engines ask for it by name | |
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from search.records import Task
from search.spec.catalogue import Domain
from search.techniques.parts import Part, Slot
from search.techniques.row_steps import RowStep

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import tensorflow as tf

    from search.techniques.noise import NoiseKey

Value = float | str | Slot
"""A parameter: a number, a text of a choice, or a slot for the number that stands for either."""

ALL_TASKS: frozenset[Task] = frozenset({"binary", "multiclass", "regression"})
CLASSIFICATION: frozenset[Task] = frozenset({"binary", "multiclass"})


class Technique(ABC):
    """One way to regularize, with one parameter. Off means absent: there is no value for it.

    Attributes:
        name: Its name in [space] and in a configuration.
        domain: The values of its parameter, their meaning and the source.
        off: The number with which it does nothing at all, so that a compiled program can hold it and be used for
            configurations without it. A value outside of `domain`: nobody chooses it.
        requires: Techniques of which one at least must be on for this one to mean anything.
        tasks: The tasks that it can be used for.
        general: Whether its stand-ins compute what Keras' own classes do whatever their arguments, so that they may
            stand in for layers of the user's model too; otherwise for those that the technique itself puts there.
    """

    name: ClassVar[str]
    domain: ClassVar[Domain]
    off: ClassVar[float]
    requires: ClassVar[tuple[str, ...]] = ()
    tasks: ClassVar[frozenset[Task]] = ALL_TASKS
    general: ClassVar[bool] = True

    def stand_ins(self) -> Mapping[str, type]:
        """Classes that stand in for Keras' own where an argument is a slot, by the path below `keras` of each.

        Keras' own ask `if self.l1:` or `if self.rate > 0:`, which a tensor inside a compiled program cannot answer,
        and draw from a generator that is slow there. A stand-in computes the same, always; with the value that means
        off, it adds exactly nothing. It imports Keras in here, nowhere else.
        """
        return {}


class LayerTechnique(Technique):
    """A technique that changes layers of a model; it can be given per layer, as `LAYER_PATTERN.technique`.

    Attributes:
        on_output: Whether it can be used on the output layer.
        writes: What it sets in a layer, such as `kernel_regularizer.l1`: no layer can have two techniques that set the
            same.
    """

    on_output: ClassVar[bool]
    writes: ClassVar[frozenset[str]] = frozenset()

    def fits(self, layer: Part) -> bool:
        """Whether it can be used on such a layer; default: on every layer with a kernel."""
        return layer.has_kernel

    @abstractmethod
    def apply(self, layer: Part, value: Value) -> tuple[Part, ...]:
        """What takes the layer's place in the model.

        Args:
            layer: The layer, perhaps changed by other techniques before.
            value: The parameter, inside `domain`; or a slot for it.

        Returns:
            The layer itself, perhaps with other arguments, and the layers that follow it.
        """


class InputTechnique(Technique):
    """A technique that puts layers between the input and the model's first layer."""

    def wants(self, input_shape: tuple[int, ...]) -> str | None:
        """What it wants of the rows, in words, when rows of this shape do not do; None when they do."""
        return None

    @abstractmethod
    def apply(self, input_shape: tuple[int, ...], value: Value) -> tuple[Part, ...]:
        """The layers, which keep the shape.

        Args:
            input_shape: Shape of one row.
            value: The parameter, inside `domain`; or a slot for it.
        """


class OptimizerTechnique(Technique):
    """A technique that changes the optimizer."""

    @abstractmethod
    def apply(self, optimizer: Part, value: Value) -> Part:
        """The optimizer with the technique in its arguments."""

    def leave_out(self, optimizer: Part) -> Part:
        """The optimizer without the technique, also where Keras gives it to one unasked."""
        return optimizer


@dataclass(frozen=True)
class Batch:
    """The rows of one training step; tensors.

    Args:
        x: Features, shape (rows, ...), float32.
        y: Targets as a distribution: probabilities of every class, shape (rows, classes), or of class 1, shape
            (rows, 1), for a classification; numbers, shape (rows, targets), for a regression. float32.
        weight: 1 for rows that count and 0 for those that only fill the batch up, which come last; shape (rows,),
            float32.
    """

    x: tf.Tensor
    y: tf.Tensor
    weight: tf.Tensor


class BatchTechnique(Technique):
    """A technique that changes rows and targets of each training batch, after the batch was drawn.

    Attributes:
        needs_images: Whether rows have to be images: (height, width) or (height, width, channels).
    """

    needs_images: ClassVar[bool] = False

    @abstractmethod
    def apply(self, batch: Batch, value: tf.Tensor | float, key: NoiseKey) -> Batch:
        """The batch that the step trains on; with `off` the very same values.

        Args:
            batch: The batch as drawn, or as techniques before have left it.
            value: The parameter's number, or `off`: a scalar, float32.
            key: Of this step and technique.
        """


class WeightTechnique(Technique):
    """A technique that moves the weights at which a training step computes its gradients.

    The step is then taken from where they were.
    """

    @abstractmethod
    def apply(self, kernel: tf.Tensor, value: tf.Tensor | float, key: NoiseKey) -> tf.Tensor:
        """The kernel that the step computes with; same shape and dtype."""


class DataTechnique(Technique):
    """A technique that changes all rows of a fold before a run, and is fitted on those that train."""

    @abstractmethod
    def fit(self, x_train: npt.NDArray[np.float32], value: float) -> RowStep:
        """What it does to rows, as fitted on those that train, shape (rows, ...), as the steps before left them."""
