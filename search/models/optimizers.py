"""Optimizers and schedules of Keras by name, with their arguments.

They are written down so that a study file is read without importing Keras; a test compares them with the installed one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

COMMON_ARGUMENTS: Mapping[str, Any] = {
    "weight_decay": None,
    "clipnorm": None,
    "clipvalue": None,
    "global_clipnorm": None,
}
"""Arguments that all optimizers have, but for those of `REFUSED_ARGUMENTS`."""

REFUSED_ARGUMENTS: Mapping[str, str] = {
    "use_ema": "Search the technique swa instead, which averages weights.",
    "gradient_accumulation_steps": "Raise batch_size instead.",
    "loss_scale_factor": "Weights are float32 here, whose gradients need no scaling.",
}
"""Arguments that change what a step is; what to do instead."""

_MOMENTS = {"beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-7}


@dataclass(frozen=True)
class KerasClass:
    """A class of Keras with its arguments.

    Args:
        path: Below `keras`.
        arguments: Arguments of its own and their defaults; None where there is no default.
        required: Those without which it cannot be made.
    """

    path: str
    arguments: Mapping[str, Any]
    required: tuple[str, ...] = ()


def _optimizer(class_name: str, **arguments: Any) -> KerasClass:
    return KerasClass(f"optimizers.{class_name}", {**COMMON_ARGUMENTS, **arguments})


OPTIMIZERS: Mapping[str, KerasClass] = {
    "adadelta": _optimizer("Adadelta", rho=0.95, epsilon=1e-7),
    "adafactor": _optimizer(
        "Adafactor", beta_2_decay=-0.8, epsilon_1=1e-30, epsilon_2=1e-3, clip_threshold=1.0, relative_step=True
    ),
    "adagrad": _optimizer("Adagrad", initial_accumulator_value=0.1, epsilon=1e-7),
    "adam": _optimizer("Adam", **_MOMENTS, amsgrad=False),
    "adamax": _optimizer("Adamax", **_MOMENTS),
    "adamw": _optimizer("AdamW", **_MOMENTS, amsgrad=False, weight_decay=0.004),
    "ftrl": _optimizer(
        "Ftrl",
        learning_rate_power=-0.5,
        initial_accumulator_value=0.1,
        l1_regularization_strength=0.0,
        l2_regularization_strength=0.0,
        l2_shrinkage_regularization_strength=0.0,
        beta=0.0,
    ),
    "lamb": _optimizer("Lamb", **_MOMENTS),
    "lion": _optimizer("Lion", beta_1=0.9, beta_2=0.99),
    "muon": _optimizer(
        "Muon",
        adam_beta_1=0.9,
        adam_beta_2=0.999,
        adam_weight_decay=0.004,
        epsilon=1e-7,
        weight_decay=0.004,
        exclude_layers=None,
        exclude_embeddings=True,
        muon_a=3.4445,
        muon_b=-4.775,
        muon_c=2.0315,
        adam_lr_ratio=1,
        momentum=0.95,
        ns_steps=5,
        nesterov=True,
        rms_rate=0.2,
    ),
    "nadam": _optimizer("Nadam", **_MOMENTS),
    "rmsprop": _optimizer("RMSprop", rho=0.9, momentum=0.0, epsilon=1e-7, centered=False),
    "schedulefreeadamw": _optimizer("ScheduleFreeAdamW", beta_1=0.9, beta_2=0.999, epsilon=1e-8, warmup_steps=0),
    "sgd": _optimizer("SGD", momentum=0.0, nesterov=False),
}
"""Optimizer names: all of `keras.optimizers` but those that wrap another optimizer."""


def _schedule(class_name: str, *required: str, **arguments: Any) -> KerasClass:
    return KerasClass(f"optimizers.schedules.{class_name}", {**dict.fromkeys(required), **arguments}, required)


SCHEDULES: Mapping[str, KerasClass] = {
    "cosine_decay": _schedule("CosineDecay", "decay_steps", alpha=0.0, warmup_target=None, warmup_steps=0),
    "cosine_decay_restarts": _schedule("CosineDecayRestarts", "first_decay_steps", t_mul=2.0, m_mul=1.0, alpha=0.0),
    "exponential_decay": _schedule("ExponentialDecay", "decay_steps", "decay_rate", staircase=False),
    "inverse_time_decay": _schedule("InverseTimeDecay", "decay_steps", "decay_rate", staircase=False),
    "piecewise_constant_decay": _schedule("PiecewiseConstantDecay", "boundaries", "values"),
    "polynomial_decay": _schedule("PolynomialDecay", "decay_steps", end_learning_rate=1e-4, power=1.0, cycle=False),
}
"""Schedules of the learning rate by step: all of `keras.optimizers.schedules`, without `initial_learning_rate`.

That is the study's learning rate. A piecewise constant rate has none: its first value is.
"""


def name_of_class(known: Mapping[str, KerasClass], class_name: str) -> str | None:
    """The name of a class of Keras; None for one that is not among them."""
    return next((name for name, each in known.items() if each.path.rpartition(".")[2] == class_name), None)
