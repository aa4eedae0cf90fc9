"""Decoupled weight decay: weights shrink at each step, apart from the gradient."""

from __future__ import annotations

from typing import TYPE_CHECKING

from search.techniques._base import OptimizerTechnique, Value
from search.techniques._domains import positive
from search.techniques.parts import Part

if TYPE_CHECKING:
    import keras


class WeightDecay(OptimizerTechnique):
    """`kernel -= learning_rate * value * kernel` before each step; biases and normalizations do not decay.

    Not the same as L2: an optimizer that scales gradients, such as Adam, scales a penalty's gradient with them. Off,
    there is none at all: AdamW and Muon, which decay by 0.004 unasked, do not while it is searched.

    Source: Loshchilov and Hutter 2019, Decoupled weight decay regularization; times the learning rate as in Keras.
    """

    name = "weight_decay"
    off = 0.0
    shrinks_weights = True
    source = (
        "# Biases and normalizations do not decay.",
        'others = [w for w in model.trainable_variables if "kernel" not in w.name and w.name != "embeddings"]',
        "optimizer.exclude_from_weight_decay(others)",
    )
    domain = positive(
        "share of each kernel weight, times the learning rate, that a training step takes away",
        "Loshchilov and Hutter 2019",
    )

    def apply(self, optimizer: Part, value: Value) -> Part:
        """The optimizer with the decay in its arguments."""
        return optimizer.with_arguments(**dict.fromkeys(_UNASKED.get(optimizer.path, ("weight_decay",)), value))

    def leave_out(self, optimizer: Part) -> Part:
        """The optimizer without decay."""
        return optimizer.with_arguments(**dict.fromkeys(_UNASKED.get(optimizer.path, ()), self.off))

    def finish(self, optimizer: keras.Optimizer, model: keras.Model) -> None:
        """Leave biases and normalizations out."""
        optimizer.exclude_from_weight_decay([weight for weight in model.trainable_variables if not _decays(weight)])


def _decays(weight: keras.Variable) -> bool:
    """Whether it is what inputs are multiplied with."""
    return "kernel" in weight.name or weight.name == "embeddings"


_UNASKED = {"optimizers.AdamW": ("weight_decay",), "optimizers.Muon": ("weight_decay", "adam_weight_decay")}
"""Optimizers that decay unasked, and their arguments for it; a test compares this with the installed Keras."""
