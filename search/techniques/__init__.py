"""Ways to regularize: each technique is one file, one line in `TECHNIQUES`, and nothing else.

| module | what lives there |
|---|---|
| `parts` | `Part`: a Keras object yet to be made, as its path below `keras` and its arguments; `Slot`: an open one |
| `_base` | what every technique tells, and the kinds of techniques by what they act on |
| `row_steps` | what happens to every row before a run, in NumPy and as Keras layers |
| `private` | what we lean on of Keras and TensorFlow that they do not call public |
| `noise` | random numbers that cost next to nothing inside a compiled program |
| `traced` | Keras objects whose arguments may be tensors, as the techniques bring them |
| `_penalty`, `_activity` | penalties on weights, of which several become one regularizer; on activations |
| `_domains` | values that many techniques share |
| `_following`, `_gaussian` | layers behind a layer, and what those that draw noise share |
| `_images`, `_mixing` | images resampled row by row; rows of a batch mixed in pairs |
| `_switch` | work that a program does only where a technique is on |
| all others | one technique each |

A technique says what its parameter means and how a layer, an optimizer, a batch or a kernel is changed; *which* layers,
and the making of the Keras model, is `search.models`. When they act is up to `search.training`. Keras
and TensorFlow are imported inside functions alone.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import cast

from search.records import Setting
from search.spec import technique_of
from search.techniques._base import (
    AveragingTechnique,
    Batch,
    BatchTechnique,
    DataTechnique,
    HeadTechnique,
    InputTechnique,
    LayerTechnique,
    LoopTechnique,
    OptimizerTechnique,
    PretrainedTechnique,
    StagesTechnique,
    StepTechnique,
    Stopping,
    Technique,
    WeightTechnique,
)
from search.techniques._switch import both_computed
from search.techniques.activation_noise import ActivationNoise
from search.techniques.activity_l1 import ActivityL1
from search.techniques.activity_l2 import ActivityL2
from search.techniques.alpha_dropout import AlphaDropout
from search.techniques.auxiliary_weight import AuxiliaryWeight
from search.techniques.batch_norm import BatchNorm
from search.techniques.bias_l1 import BiasL1
from search.techniques.bias_l2 import BiasL2
from search.techniques.contrast import Contrast
from search.techniques.cutmix import CutMix
from search.techniques.dropout import Dropout
from search.techniques.flip import Flip
from search.techniques.gaussian_dropout import GaussianDropout
from search.techniques.input_dropout import InputDropout
from search.techniques.input_noise import InputNoise
from search.techniques.kernel_l1 import KernelL1
from search.techniques.kernel_l2 import KernelL2
from search.techniques.l1 import L1
from search.techniques.l1l2 import L1L2
from search.techniques.l2 import L2
from search.techniques.l2_sp import L2Sp
from search.techniques.label_noise import LabelNoise
from search.techniques.label_smoothing import LabelSmoothing
from search.techniques.layer_norm import LayerNorm
from search.techniques.max_norm import MaxNorm
from search.techniques.minimum_delta import MinimumDelta
from search.techniques.mixup import Mixup
from search.techniques.orthogonal import Orthogonal
from search.techniques.parts import Part, Slot
from search.techniques.path import Path
from search.techniques.patience import Patience
from search.techniques.rate import Rate
from search.techniques.recurrent_dropout import RecurrentDropout
from search.techniques.recurrent_l1 import RecurrentL1
from search.techniques.recurrent_l2 import RecurrentL2
from search.techniques.rotation import Rotation
from search.techniques.row_steps import RowStep, Scaling
from search.techniques.shift import Shift
from search.techniques.spatial_dropout import SpatialDropout
from search.techniques.start_epoch import StartEpoch
from search.techniques.swa import Swa
from search.techniques.unit_norm import UnitNorm
from search.techniques.weight_decay import WeightDecay
from search.techniques.weight_noise import WeightNoise
from search.techniques.zca import Zca
from search.techniques.zoom import Zoom

_ALL: tuple[Technique, ...] = (
    # inside a layer
    L1(),
    L2(),
    KernelL1(),
    KernelL2(),
    L1L2(),
    BiasL1(),
    BiasL2(),
    RecurrentL1(),
    RecurrentL2(),
    Orthogonal(),
    MaxNorm(),
    UnitNorm(),
    RecurrentDropout(),
    Rate(),
    # behind a layer
    ActivityL1(),
    ActivityL2(),
    BatchNorm(),
    LayerNorm(),
    Dropout(),
    SpatialDropout(),
    GaussianDropout(),
    AlphaDropout(),
    ActivationNoise(),
    # before the first layer
    Zca(),
    Rotation(),
    Shift(),
    Zoom(),
    Flip(),
    Contrast(),
    InputNoise(),
    InputDropout(),
    # in a training step
    Mixup(),
    CutMix(),
    LabelNoise(),
    LabelSmoothing(),
    WeightNoise(),
    L2Sp(),
    WeightDecay(),
    Swa(),
    AuxiliaryWeight(),
    # around the steps
    Patience(),
    MinimumDelta(),
    StartEpoch(),
    Path(),
)

TECHNIQUES: Mapping[str, Technique] = {technique.name: technique for technique in _ALL}
"""Every technique by its name in [space], in the order in which they enter a layer or act."""


def techniques_of(names: Iterable[str]) -> list[Technique]:
    """The techniques that names of a space or a configuration mean, each once, in the order of `TECHNIQUES`."""
    meant = {technique_of(name) for name in names}
    return [technique for name, technique in TECHNIQUES.items() if name in meant]


def required_names(technique: Technique) -> tuple[str, ...]:
    """Techniques of which one at least must be on for this one to mean anything; empty when it stands by itself."""
    return tuple(name for name, other in TECHNIQUES.items() if technique.needs(other))


def watches_stop_rows(names: Collection[str]) -> bool:
    """Whether one of the techniques that names mean has stop rows watched, which then do not train."""
    return any(isinstance(known, LoopTechnique) and known.watches_stop_rows for known in techniques_of(names))


def stopping_rule(values: Mapping[str, float]) -> Stopping | None:
    """When the stop rows end a run.

    Args:
        values: Technique name to its number; a technique that is off is absent.

    Returns:
        None when nothing watches them.
    """
    if not watches_stop_rows(values):
        return None
    stopping = Stopping()
    for technique in techniques_of(values):
        if isinstance(technique, LoopTechnique):
            stopping = technique.apply(stopping, values[technique.name])
    return stopping


def staging_techniques(names: Iterable[str]) -> list[StagesTechnique]:
    """Those of the techniques that names mean by which runs are trained in stages."""
    return [known for known in techniques_of(names) if isinstance(known, StagesTechnique)]


def path_stages(configuration: Mapping[str, Setting]) -> list[dict[str, Setting]]:
    """The configurations that are trained one after the other, each from the weights of the one before.

    None of them has a technique of stages in it, such as `path`. The last one is the configuration without these.

    Args:
        configuration: Technique or setting name to value; without a technique of stages it is the only stage.
    """
    staging = staging_techniques(configuration)
    plain = {
        name: value for name, value in configuration.items() if technique_of(name) not in {x.name for x in staging}
    }
    stages = [plain]
    for technique in staging:
        value = technique.domain.number(cast(float, configuration[technique.name]))
        stages = [later for stage in stages for later in technique.stages(stage, value, _penalties(stage))]
    return stages


def _penalties(configuration: Mapping[str, Setting]) -> dict[str, float]:
    """The names of penalties, whatever their layers, and their coefficients."""
    return {
        name: float(cast(float, value))
        for name, value in configuration.items()
        if (known := TECHNIQUES.get(technique_of(name) or "")) is not None and known.is_penalty
    }


__all__ = [
    "TECHNIQUES",
    "AveragingTechnique",
    "Batch",
    "BatchTechnique",
    "DataTechnique",
    "HeadTechnique",
    "InputTechnique",
    "LayerTechnique",
    "LoopTechnique",
    "OptimizerTechnique",
    "Part",
    "PretrainedTechnique",
    "RowStep",
    "Scaling",
    "Slot",
    "StagesTechnique",
    "StepTechnique",
    "Stopping",
    "Technique",
    "WeightTechnique",
    "both_computed",
    "path_stages",
    "required_names",
    "staging_techniques",
    "stopping_rule",
    "techniques_of",
    "watches_stop_rows",
]
