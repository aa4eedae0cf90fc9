"""Losses of Keras by name: what they take, and how a study trains with them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from search.data import SourceFunction, called_loss
from search.spec import is_function

if TYPE_CHECKING:
    import tensorflow as tf

TargetForm = Literal["indices", "one_hot", "column"]
"""What a loss takes of a class: its index; 1 at its place among 0; or for two classes 0 or 1. Numbers are columns."""

Link = Literal["sigmoid", "softmax", "halves"]
"""What makes probabilities of a model's outputs: of logits, or of outputs from -1 to 1 (`halves`: (1 + output) / 2)."""


@dataclass(frozen=True)
class LossForm:
    """A loss of Keras.

    Args:
        class_name: Its class in `keras.losses`.
        form: What it takes of a target.
        predicts: `probabilities` of classes, `margins` between them, or `numbers`.
        arguments: Its arguments, without those that all have, and their defaults.
        takes_shares: Whether a target may be between classes, as techniques that mix or smooth labels make it.
        knows_no_unit: Whether the unit of a target changes nothing in what is best.
        suits_scaled: Whether targets of mean 0 and deviation 1 are such as it is meant for.
    """

    class_name: str
    form: TargetForm
    predicts: Literal["probabilities", "margins", "numbers"]
    arguments: Mapping[str, Any] = field(default_factory=dict)
    takes_shares: bool = True
    knows_no_unit: bool = False
    suits_scaled: bool = False


_LOGITS = {"from_logits": False}
_SMOOTH = {"from_logits": False, "label_smoothing": 0.0}
_FOCAL = {"alpha": 0.25, "gamma": 2.0}

LOSSES: Mapping[str, LossForm] = {
    "binary_crossentropy": LossForm("BinaryCrossentropy", "column", "probabilities", _SMOOTH),
    "binary_focal_crossentropy": LossForm(
        "BinaryFocalCrossentropy", "column", "probabilities", {"apply_class_balancing": False, **_FOCAL, **_SMOOTH}
    ),
    "categorical_crossentropy": LossForm("CategoricalCrossentropy", "one_hot", "probabilities", _SMOOTH),
    "categorical_focal_crossentropy": LossForm(
        "CategoricalFocalCrossentropy", "one_hot", "probabilities", {**_FOCAL, **_SMOOTH}
    ),
    "categorical_generalized_cross_entropy": LossForm(
        "CategoricalGeneralizedCrossEntropy", "indices", "probabilities", {"q": 0.5}, takes_shares=False
    ),
    "categorical_hinge": LossForm("CategoricalHinge", "one_hot", "margins", takes_shares=False),
    "hinge": LossForm("Hinge", "column", "margins", takes_shares=False),
    "huber": LossForm("Huber", "column", "numbers", {"delta": 1.0}, suits_scaled=True),
    "kl_divergence": LossForm("KLDivergence", "one_hot", "probabilities"),
    "log_cosh": LossForm("LogCosh", "column", "numbers", suits_scaled=True),
    "mean_absolute_error": LossForm("MeanAbsoluteError", "column", "numbers", knows_no_unit=True, suits_scaled=True),
    "mean_absolute_percentage_error": LossForm("MeanAbsolutePercentageError", "column", "numbers"),
    "mean_squared_error": LossForm("MeanSquaredError", "column", "numbers", knows_no_unit=True, suits_scaled=True),
    "mean_squared_logarithmic_error": LossForm("MeanSquaredLogarithmicError", "column", "numbers"),
    "poisson": LossForm("Poisson", "column", "numbers"),
    "sparse_categorical_crossentropy": LossForm(
        "SparseCategoricalCrossentropy", "indices", "probabilities", {**_LOGITS}
    ),
    "squared_hinge": LossForm("SquaredHinge", "column", "margins", takes_shares=False),
}
"""Losses that are one number a row, by the names of their functions; a test compares them with the installed Keras."""

_OWN = LossForm("", "column", "probabilities")
"""A function of the user's, of which nothing is known but what it is given; `find_end` says in which form."""

LOSS_ALIASES = {
    "bce": "binary_crossentropy",
    "kld": "kl_divergence",
    "kullback_leibler_divergence": "kl_divergence",
    "logcosh": "log_cosh",
    "huber_loss": "huber",
    "mae": "mean_absolute_error",
    "mape": "mean_absolute_percentage_error",
    "mse": "mean_squared_error",
    "msle": "mean_squared_logarithmic_error",
}
"""Other names that Keras knows some of them by, in small letters."""

_UNNAMED = frozenset({"categorical_generalized_cross_entropy"})
"""Losses that Keras knows by their classes alone: not by name, and their functions have no defaults."""

_SOFT = {"sparse_categorical_crossentropy": "categorical_crossentropy"}


def loss_name(text: str) -> str | None:
    """The name in `LOSSES` of what Keras writes: a function, an alias or a class; None for another loss."""
    name = LOSS_ALIASES.get(text.lower(), text)
    by_class = {form.class_name: known for known, form in LOSSES.items()}
    return name if name in LOSSES else by_class.get(text)


@dataclass(frozen=True)
class Loss:
    """The data loss that a model is trained with.

    Args:
        name: One of `LOSSES`; or `FILE.py:function`, one of the user's.
        arguments: Its arguments, as far as they are given.
        weight: What each row's loss is multiplied with: Keras' `loss_weights`.
        form: What it is given of a target; None for what it takes by itself.
        link: What makes probabilities of classes of what the model predicts; None where it predicts them, or numbers.
        function: The user's function, without which such a loss cannot be made; None for one of Keras.
    """

    name: str
    arguments: tuple[tuple[str, Any], ...] = ()
    weight: float = 1.0
    form: TargetForm | None = None
    link: Link | None = None
    function: SourceFunction | None = None

    def __post_init__(self) -> None:
        if self.form is None:
            object.__setattr__(self, "form", self.known.form)

    @property
    def known(self) -> LossForm:
        """What Keras has of that name."""
        return _OWN if self.is_own else LOSSES[self.name]

    @property
    def is_own(self) -> bool:
        """Whether it is a function of the user's."""
        return is_function(self.name)

    @property
    def takes_logits(self) -> bool:
        """Whether the model's outputs are logits."""
        return bool(dict(self.arguments).get("from_logits"))

    @property
    def softened(self) -> Loss:
        """The same loss of targets that lie between classes."""
        return self if self.name not in _SOFT else replace(self, name=_SOFT[self.name], form="one_hot")

    def make(self) -> Callable[[Any, Any], tf.Tensor]:
        """The loss as a function of targets and outputs: a number a row, float32."""
        import keras

        if self.is_own:
            return _loss_of_rows(self)
        if not self.arguments and self.name not in _UNNAMED:
            of_rows = getattr(keras.losses, self.name)
        else:
            of_rows = getattr(keras.losses, self.known.class_name)(**dict(self.arguments), reduction=None)
        return of_rows if self.weight == 1 else lambda y, predicted: of_rows(y, predicted) * self.weight

    def compile_arguments(self) -> dict[str, Any]:
        """What `keras.Model.compile` is told of it."""
        import keras

        if self.is_own:
            return {"loss": self.make()}
        told: Any = self.name
        if self.arguments or self.name in _UNNAMED:
            told = getattr(keras.losses, self.known.class_name)(**dict(self.arguments))
        return {"loss": told} if self.weight == 1 else {"loss": told, "loss_weights": [self.weight]}

    def source(self) -> str:
        """The loss as it is written in a call of `compile`."""
        if not self.arguments and self.name not in _UNNAMED:
            return f'"{self.name}"'
        arguments = ", ".join(f"{name}={value!r}" for name, value in self.arguments)
        return f"keras.losses.{self.known.class_name}({arguments})"


def _loss_of_rows(loss: Loss) -> Callable[[Any, Any], tf.Tensor]:
    """The user's function, held to a number a row."""
    import tensorflow as tf

    if loss.function is None:
        raise ValueError(f"expected the text of {loss.name}, received none")
    function = called_loss(loss.function.load())

    def of_rows(y: Any, predicted: Any) -> tf.Tensor:
        losses = tf.cast(function(tf.cast(y, tf.float32), tf.cast(predicted, tf.float32)), tf.float32)
        if losses.shape.rank != 1:
            raise ValueError(f"expected {loss.name} to return one number a row, received shape {tuple(losses.shape)}")
        return losses

    return of_rows


def targets_for(loss: Loss, y: npt.NDArray[Any], n_classes: int) -> npt.NDArray[Any]:
    """Targets as a loss takes them.

    Args:
        loss: The loss.
        y: Class indices, shape (rows,), or numbers, shape (rows,) or (rows, targets).
        n_classes: Number of classes; 0 for numbers.
    """
    if loss.form == "indices":
        return y
    if loss.form == "one_hot":
        one_hot: npt.NDArray[np.float32] = np.eye(n_classes, dtype=np.float32)[y]
        return one_hot
    return y.reshape(len(y), math.prod(y.shape[1:]))


def probabilities_of(outputs: tf.Tensor, link: Link | None) -> tf.Tensor:
    """What a model's outputs say: probabilities of classes, or numbers, in float32."""
    import tensorflow as tf

    outputs = tf.cast(outputs, tf.float32)
    if link == "halves":
        return tf.clip_by_value((1 + outputs) / 2, 0.0, 1.0)
    return outputs if link is None else {"sigmoid": tf.sigmoid, "softmax": tf.nn.softmax}[link](outputs)
