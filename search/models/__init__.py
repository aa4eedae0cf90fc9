"""What is trained: model families, the techniques' way into their layers, and the Keras models that come out.

| module | what lives there |
|---|---|
| `architecture` | `Architecture`: a model as a list of layers yet to be made |
| `families` | the map of model families; `_base` what one is, `mlp` the first |
| `injection` | a configuration's techniques enter the layers they are meant for |
| `names` | activations and optimizers that a study may name |
| `building` | from descriptions to Keras objects: the only module here that imports Keras, inside its functions |
| `rendering` | the same model as a Python file |

A plain model passes through untouched: with everything off there is no regularizer and no extra layer.
What a technique does to one layer is in `search.techniques`; training is in `search.training`.
"""

from search.models.architecture import Architecture
from search.models.building import OpenModel, build_model, build_open_model, make_optimizer
from search.models.families import FAMILIES, Family, describe_model
from search.models.injection import check_patterns, open_slots, regularize
from search.models.names import ACTIVATIONS, OPTIMIZERS
from search.models.rendering import render_source

__all__ = [
    "ACTIVATIONS",
    "FAMILIES",
    "OPTIMIZERS",
    "Architecture",
    "Family",
    "OpenModel",
    "build_model",
    "build_open_model",
    "check_patterns",
    "describe_model",
    "make_optimizer",
    "open_slots",
    "regularize",
    "render_source",
]
