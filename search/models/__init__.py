"""What is trained: model families, the user's own models, the techniques' way in, and the Keras models that come out.

| module | what lives there |
|---|---|
| `architecture` | `Architecture`: a model as a list of layers yet to be made |
| `families` | the map of model families; `_base` what one is; one file each |
| `saved` | `SavedModel`: the user's model as the content of a `.keras` file |
| `archive`, `reading`, `compiled` | such a file is read without Keras: layers, ends, and how it was compiled |
| `texts` | layers that make numbers of text are taken off |
| `sources` | the user's model from a file, or from a function that builds it |
| `own`, `own_space` | what regularizes the user's model already; the same as entries of [space] |
| `reach` | which layers a technique's name reaches |
| `layer_arguments`, `repeating` | arguments of layers that differ from the model as it was given; copies of layers |
| `injection` | a configuration's techniques enter the layers they are meant for |
| `checks` | what is wrong with the technique names of a space, for the models that it may train |
| `names`, `optimizers`, `losses` | activations, optimizers, schedules and losses that a study may name |
| `fronts` | frozen layers in front, which compute each row once |
| `custom_code` | layers and functions of the user's own, told to Keras |
| `own_loss` | a loss of the user's own, tried before any run |
| `ends` | which outputs a loss and a task want, and what makes predictions of them |
| `making`, `building`, `walking` | from descriptions to Keras objects; layers and weights by path |
| `rewriting`, `rebuilding` | the same for the user's model |
| `pretrained` | which of its weights training takes from the file, and what they are there |
| `inputs` | what happened to rows before a model, and to its targets, as layers around it |
| `averaging` | several trained models become one that predicts their mean |
| `predicting` | what a model in a file predicts |
| `products` | how much a model computes a row, roughly |
| `table_inputs` | raw columns of a table become what a model takes, as layers |
| `literals` | values as Python source |
| `rendering` | a model as a Python file; `model_source`: the statements that make the user's |

Keras is imported by functions of `making`, `building`, `custom_code`, `walking`, `rebuilding`, `inputs`, `averaging`,
`table_inputs` and `predicting`, no others. A plain model passes through untouched: with everything off there is no
regularizer and no extra layer.
What a technique does to one layer is in `search.techniques`; training is in `search.training`.
"""

from search.models.architecture import Architecture, Beside, Head
from search.models.averaging import Member, average_models
from search.models.building import (
    OpenModel,
    build_model,
    build_open_model,
    describe_optimizer,
    is_off,
    make_optimizer,
    value_or_off,
)
from search.models.checks import check_patterns
from search.models.compiled import is_own_loss, loss_in_memory, loss_setting
from search.models.custom_code import check_custom_code, custom_objects, own_module_names
from search.models.ends import UnfitLossError, find_end, study_loss
from search.models.families import FAMILIES, Family, describe_model
from search.models.fronts import Front, find_front
from search.models.injection import open_slots, regularize
from search.models.inputs import BesideEnd, TableEnds, with_ends, with_named_inputs, with_texts
from search.models.layer_arguments import LayerArgumentError, check_value, given_value, thawed, unfrozen
from search.models.literals import constant, literal
from search.models.losses import LOSSES, Loss, probabilities_of, targets_for
from search.models.model_source import UntellableError, keeps_own_weights
from search.models.names import ACTIVATIONS, LAYER_ARGUMENTS, SCALING_LAYERS
from search.models.optimizers import OPTIMIZERS, REFUSED_ARGUMENTS, SCHEDULES
from search.models.own import find_own, own_in_words
from search.models.own_loss import check_own_loss
from search.models.own_space import OwnSearch, names_over_own, search_own
from search.models.predicting import TrainedModel
from search.models.pretrained import pretrained_kernels, pretrained_layers
from search.models.products import count_products, count_weights
from search.models.reach import candidates
from search.models.reading import UnbuiltModelError, read_saved
from search.models.rebuilding import build_front, compiled_metrics, replaced_classes
from search.models.rendering import RowsSource, render_source, stops_early
from search.models.saved import SavedModel, TextInput
from search.models.sources import read_model
from search.models.texts import sized_texts
from search.models.walking import layers_by_path, weights_by_path

__all__ = [
    "ACTIVATIONS",
    "FAMILIES",
    "LAYER_ARGUMENTS",
    "LOSSES",
    "OPTIMIZERS",
    "REFUSED_ARGUMENTS",
    "SCALING_LAYERS",
    "SCHEDULES",
    "Architecture",
    "Beside",
    "BesideEnd",
    "Family",
    "Front",
    "Head",
    "LayerArgumentError",
    "Loss",
    "Member",
    "OpenModel",
    "OwnSearch",
    "RowsSource",
    "SavedModel",
    "TableEnds",
    "TextInput",
    "TrainedModel",
    "UnbuiltModelError",
    "UnfitLossError",
    "UntellableError",
    "average_models",
    "build_front",
    "build_model",
    "build_open_model",
    "candidates",
    "check_custom_code",
    "check_own_loss",
    "check_patterns",
    "check_value",
    "compiled_metrics",
    "constant",
    "count_products",
    "count_weights",
    "custom_objects",
    "describe_model",
    "describe_optimizer",
    "find_end",
    "find_front",
    "find_own",
    "given_value",
    "is_off",
    "is_own_loss",
    "keeps_own_weights",
    "layers_by_path",
    "literal",
    "loss_in_memory",
    "loss_setting",
    "make_optimizer",
    "names_over_own",
    "open_slots",
    "own_in_words",
    "own_module_names",
    "pretrained_kernels",
    "pretrained_layers",
    "probabilities_of",
    "read_model",
    "read_saved",
    "regularize",
    "render_source",
    "replaced_classes",
    "search_own",
    "sized_texts",
    "stops_early",
    "study_loss",
    "targets_for",
    "thawed",
    "unfrozen",
    "value_or_off",
    "weights_by_path",
    "with_ends",
    "with_named_inputs",
    "with_texts",
]
