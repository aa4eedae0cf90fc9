"""What every technique tells, and what each kind of technique does, and where.

| kind | acts on | when |
|---|---|---|
| `LayerTechnique` | layers of the model | the model is built |
| `InputTechnique` | what stands between the input and the first layer | the model is built |
| `OptimizerTechnique` | the optimizer | it is made |
| `BatchTechnique` | rows and targets of a training batch | each training step |
| `WeightTechnique` | the weights that a training step computes its gradients at | each training step |
| `HeadTechnique` | the loss of a second task | each training step |
| `PretrainedTechnique` | the loss, by how far weights are from those of the user's file | each training step |
| `AveragingTechnique` | averages of the weights, which are judged and kept | after each training step |
| `LoopTechnique` | the rule by which the stop rows end a run | after each epoch |
| `StagesTechnique` | a run, which becomes several, one after the other | before a run |
| `DataTechnique` | all rows of a fold | before a run, in NumPy |

No other room knows a technique by its name: what the house has to know of one, its kind and its attributes tell.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from search.records import Setting, Task
from search.spec.catalogue import Domain
from search.techniques.parts import Part, Slot
from search.techniques.row_steps import RowStep

if TYPE_CHECKING:
    import keras
    import numpy as np
    import numpy.typing as npt
    import tensorflow as tf

    from search.techniques.noise import NoiseKey

Value = float | str | Slot
"""A parameter: a number, a text of a choice, or a slot for the number that stands for either."""

ALL_TASKS: frozenset[Task] = frozenset({"binary", "multiclass", "regression"})
CLASSIFICATION: frozenset[Task] = frozenset({"binary", "multiclass"})

ENDLESS = 2**31 - 1
"""A patience that no run exhausts; programs hold it as an int32."""


class Technique(ABC):
    """One way to regularize, with one parameter. Off means absent: there is no value for it.

    Attributes:
        name: Its name in [space] and in a configuration.
        domain: The values of its parameter, their meaning and the source.
        off: The number with which it does nothing at all, so that a compiled program can hold it and be used for
            configurations without it. A value outside of `domain`: nobody chooses it.
        tasks: The tasks that it can be used for.
        general: Whether its stand-ins compute what Keras' own classes do whatever their arguments, so that they may
            stand in for layers of the user's model too; otherwise for those that the technique itself puts there.
        is_penalty: Whether its value is the coefficient of a penalty in the loss, which may rise from stage to stage.
        penalizes_activations: Whether it is a penalty on what layers give out, meant to make much of that zero.
        shrinks_weights: Whether it pulls kernel weights towards zero by a share of their size: two techniques that do
            hide each other's effect.
    """

    name: ClassVar[str]
    domain: ClassVar[Domain]
    off: ClassVar[float]
    tasks: ClassVar[frozenset[Task]] = ALL_TASKS
    general: ClassVar[bool] = True
    is_penalty: ClassVar[bool] = False
    penalizes_activations: ClassVar[bool] = False
    shrinks_weights: ClassVar[bool] = False

    def needs(self, other: Technique) -> bool:
        """Whether `other` is one of those of which one at least must be on for this one to mean anything."""
        return False

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
        replaces: Numbers that a layer may have of its own, such as `rate` or `kernel_regularizer.l1`, whose place the
            value takes. Off leaves them as they are: see `parts.over`.
    """

    on_output: ClassVar[bool]
    writes: ClassVar[frozenset[str]] = frozenset()
    replaces: ClassVar[frozenset[str]] = frozenset()

    @property
    def can_be_zero(self) -> bool:
        """Whether 0 is a value for a layer that is named: what the layer has of its own is switched off then."""
        return bool(self.replaces) and self.off == 0

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
    """A technique that changes the optimizer.

    Attributes:
        source: Lines of Python that do to `optimizer` what `finish` does to train `model`, in a file that needs Keras
            alone.
    """

    source: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    def apply(self, optimizer: Part, value: Value) -> Part:
        """The optimizer with the technique in its arguments."""

    def leave_out(self, optimizer: Part) -> Part:
        """The optimizer without the technique, also where Keras gives it to one unasked."""
        return optimizer

    def finish(self, optimizer: keras.Optimizer, model: keras.Model) -> None:
        """Tell an optimizer, made and not built yet, what its arguments cannot; default: nothing.

        Called wherever the technique is in the space, on or off.

        Args:
            optimizer: Changed in place.
            model: The model that it is to train.
        """
        return


@dataclass(frozen=True)
class Batch:
    """The rows of one training step; tensors.

    Args:
        x: Features by the name of the input that they go to, shape (rows, ...) each, float32.
        y: Targets as a distribution: probabilities of every class, shape (rows, classes), or of class 1, shape
            (rows, 1), for a classification; numbers, shape (rows, targets), for a regression. float32.
        weight: How much each row counts in the loss, shape (rows,), float32.
        counts: 1 for rows that count at all and 0 for those that only fill the batch up, which come last; shape
            (rows,), float32.
        further: Targets of outputs that train beside the study's, by their names; each as `y`.
    """

    x: Mapping[str, tf.Tensor]
    y: tf.Tensor
    weight: tf.Tensor
    counts: tf.Tensor
    further: Mapping[str, tf.Tensor] = field(default_factory=dict)


class StepTechnique(Technique):
    """A technique that acts in every training step: on the batch, the weights, the loss or their averages."""


class BatchTechnique(StepTechnique):
    """A technique that changes rows and targets of each training batch, after the batch was drawn.

    Attributes:
        needs_images: Whether rows have to be images: (height, width) or (height, width, channels).
        mixes_rows: Whether rows become what lies between several, which makes no sense of whole numbers that are names.
    """

    needs_images: ClassVar[bool] = False
    mixes_rows: ClassVar[bool] = False

    @abstractmethod
    def apply(self, batch: Batch, value: tf.Tensor | float, key: NoiseKey) -> Batch:
        """The batch that the step trains on; with `off` the very same values.

        Args:
            batch: The batch as drawn, or as techniques before have left it.
            value: The parameter's number, or `off`: a scalar, float32.
            key: Of this step and technique.
        """


class WeightTechnique(StepTechnique):
    """A technique that moves the weights at which a training step computes its gradients.

    The step is then taken from where they were.
    """

    @abstractmethod
    def apply(self, kernel: tf.Tensor, value: tf.Tensor | float, key: NoiseKey) -> tf.Tensor:
        """The kernel that the step computes with; same shape and dtype."""


class HeadTechnique(StepTechnique):
    """A technique that weighs the loss of a second task: of the head of a family's model, which has none without one.

    Of the user's model it weighs the outputs that train beside the study's, all alike; off leaves them as they weigh.
    """

    @abstractmethod
    def weigh(self, loss: tf.Tensor, value: tf.Tensor) -> tf.Tensor:
        """What is added to the loss of a training step; exactly 0 with `off`.

        Args:
            loss: Mean loss of the head over the rows that count, a scalar, float32.
            value: The parameter's number, or `off`: a scalar, float32.
        """


class PretrainedTechnique(StepTechnique):
    """A technique that penalizes how far kernels are from the weights of the user's file, with which they began.

    It acts on the kernels of hidden layers that train and whose weights training takes from the file, now or in the
    phase before; without such a layer it is refused.
    """

    @abstractmethod
    def penalize(self, kernel: tf.Tensor, pretrained: tf.Tensor, value: tf.Tensor) -> tf.Tensor:
        """What is added to the loss of a training step for one kernel, a scalar, float32; exactly 0 with `off`.

        Args:
            kernel: The kernel.
            pretrained: The same in the file, float32.
            value: The parameter's number, or `off`: a scalar, float32.
        """


class AveragingTechnique(StepTechnique):
    """A technique that keeps averages of the weights: they are what is judged and kept.

    With several in a space, each averages what the one before it gives.
    """

    @abstractmethod
    def average(self, average: tf.Tensor, weight: tf.Tensor, value: tf.Tensor, is_first: tf.Tensor) -> tf.Tensor:
        """The average after a step; with `off` the weight itself.

        Args:
            average: The average before it, in the shape of the weight; of no meaning in the first step.
            weight: The weight after the step.
            value: The parameter's number, or `off`: a scalar, float32.
            is_first: Whether it is the first step of the run: a scalar, bool.
        """


@dataclass(frozen=True)
class Stopping:
    """When the loss of the stop rows ends a run. The weights of the best epoch are kept.

    Args:
        patience: Epochs without improvement after which training ends.
        minimum_delta: By how much less a loss has to be than the best one to be an improvement.
        start_epoch: The first so many epochs are not watched: as long as they last, the latest is the best.
    """

    patience: int = ENDLESS
    minimum_delta: float = 0.0
    start_epoch: int = 0


class LoopTechnique(Technique):
    """A technique that has a part in the rule by which the stop rows end a run.

    Attributes:
        watches_stop_rows: Whether a run has to be stopped for it: a run in which no technique says so trains on its
            stop rows too, all epochs, and keeps the last weights.
        keras_argument: What `keras.callbacks.EarlyStopping` calls the parameter; None for what it does not know.
    """

    watches_stop_rows: ClassVar[bool] = False
    keras_argument: ClassVar[str | None] = None

    @abstractmethod
    def apply(self, stopping: Stopping, value: float) -> Stopping:
        """The rule with the technique in it.

        Args:
            stopping: The rule as techniques before have left it: at first, one that never ends a run.
            value: The parameter's number.
        """


class StagesTechnique(Technique):
    """A technique that trains a run in stages: each from the weights of the one before."""

    @abstractmethod
    def stages(
        self, configuration: Mapping[str, Setting], value: float, penalties: Mapping[str, float]
    ) -> list[dict[str, Setting]]:
        """The configurations that are trained one after the other; the last one is the configuration itself.

        Args:
            configuration: Technique or setting name to value, without this technique.
            value: The parameter's number.
            penalties: Those of its names whose techniques are penalties, and their coefficients.
        """


class DataTechnique(Technique):
    """A technique that changes all rows of a fold before a run, and is fitted on those that train."""

    @abstractmethod
    def fit(self, x_train: npt.NDArray[np.float32], value: float) -> RowStep:
        """What it does to rows, as fitted on those that train, shape (rows, ...), as the steps before left them."""
