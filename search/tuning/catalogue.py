"""The one catalogue of what a study file may name, assembled from those who know."""

from __future__ import annotations

import functools

from search.models import ACTIVATIONS, FAMILIES, OPTIMIZERS
from search.spec import Catalogue
from search.techniques import TECHNIQUES, LayerTechnique

_LATER_TECHNIQUES = [
    "l1l2",
    "kernel_l1",
    "kernel_l2",
    "bias_l1",
    "bias_l2",
    "recurrent_l1",
    "recurrent_l2",
    "orthogonal",
    "max_norm",
    "unit_norm",
    "activity_l1",
    "activity_l2",
    "input_dropout",
    "spatial_dropout",
    "recurrent_dropout",
    "gaussian_dropout",
    "alpha_dropout",
    "input_noise",
    "activation_noise",
    "weight_noise",
    "label_noise",
    "label_smoothing",
    "weight_decay",
    "minimum_delta",
    "start_epoch",
    "rotation",
    "shift",
    "zoom",
    "flip",
    "contrast",
    "mixup",
    "cutmix",
    "zca",
    "batch_norm",
    "layer_norm",
    "swa",
    "auxiliary_weight",
]

_LATER = (
    "model.family = cnn",
    "model.family = lstm",
    "model.family = multitask",
    "model.builder",
    "model.keras",
    "confirm.finalists",
    "confirm.repeats",
    *(f"space.{name}" for name in _LATER_TECHNIQUES),
)


@functools.cache
def default_catalogue() -> Catalogue:
    """Techniques, families, optimizers and activations that exist, and what is planned for later."""
    return Catalogue(
        techniques={name: technique.domain for name, technique in TECHNIQUES.items()},
        layered=frozenset(n for n, technique in TECHNIQUES.items() if isinstance(technique, LayerTechnique)),
        families={name: family.keys for name, family in FAMILIES.items()},
        optimizers=frozenset(OPTIMIZERS),
        activations=frozenset(ACTIVATIONS),
        later=frozenset(_LATER),
    )
