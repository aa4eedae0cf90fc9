"""What is trained: model families, the user's own models, the techniques' way in, and the Keras models that come out.

| module | what lives there |
|---|---|
| `architecture` | `Architecture`: a model as a list of layers yet to be made |
| `families` | the map of model families; `_base` what one is; one file each |
| `saved` | `SavedModel`: the user's model as the content of a `.keras` file |
| `archive`, `reading` | such a file is read without Keras |
| `sources` | the user's model from a file, or from a function that builds it |
| `reach` | which layers a technique's name reaches |
| `injection` | a configuration's techniques enter the layers they are meant for |
| `checks` | what is wrong with the technique names of a space, for the models that it may train |
| `names` | activations and optimizers that a study may name |
| `building`, `walking` | from descriptions to Keras objects; layers and weights by path |
| `rewriting`, `rebuilding` | the same for the user's model |
| `inputs` | what happened to rows before a model, as layers in front of it |
| `rendering` | a model as a Python file |

Keras is imported by functions of `building`, `walking`, `rebuilding` and `inputs` alone. A plain model passes through
untouched: with everything off there is no regularizer and no extra layer.
What a technique does to one layer is in `search.techniques`; training is in `search.training`.
"""

from search.models.architecture import Architecture, Head
from search.models.building import OpenModel, build_model, build_open_model, describe_optimizer, make_optimizer
from search.models.checks import check_patterns
from search.models.families import FAMILIES, Family, describe_model
from search.models.injection import open_slots, regularize
from search.models.inputs import with_inputs
from search.models.names import ACTIVATIONS, OPTIMIZERS, SCALING_LAYERS
from search.models.reading import read_saved
from search.models.rebuilding import replaced_classes
from search.models.rendering import render_source
from search.models.saved import SavedModel
from search.models.sources import read_model
from search.models.walking import layers_by_path, weights_by_path

__all__ = [
    "ACTIVATIONS",
    "FAMILIES",
    "OPTIMIZERS",
    "SCALING_LAYERS",
    "Architecture",
    "Family",
    "Head",
    "OpenModel",
    "SavedModel",
    "build_model",
    "build_open_model",
    "check_patterns",
    "describe_model",
    "describe_optimizer",
    "layers_by_path",
    "make_optimizer",
    "open_slots",
    "read_model",
    "read_saved",
    "regularize",
    "render_source",
    "replaced_classes",
    "weights_by_path",
    "with_inputs",
]
