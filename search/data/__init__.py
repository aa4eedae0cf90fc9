"""Rows and their targets: read, checked, fingerprinted, split and encoded.

| module | what lives there |
|---|---|
| `reading` | `read_data`: the [data] table of a study becomes a checked `Dataset` |
| `sources` | where rows come from, one file a source, and the map `SOURCES` |
| `targets` | a target column becomes class indices or quantities; classification or regression |
| `memory` | `to_arrays`: rows that a Python program has in memory |
| `dataset` | `Dataset`, its SHA-256, and which rows are equal |
| `splits` | `split_rows`: sealed test rows, folds, stop rows |
| `sealed` | `SealedRows`: the test rows, behind one door |
| `splitters` | how the rows that score are chosen, one file a method, and the map `SPLITTERS` |
| `draws` | one draw of rows, stratified, by groups or in order, and the words for one that cannot be made |
| `target_scale` | targets of a regression as networks are trained on them, and back |
| `encoding` | `prepare`: one fold as float32 arrays; scaling and one-hot fitted on the rows that train |
| `functions` | functions of the user's as the text of their file |
| `identifiers` | columns that name rows instead of describing them |
| `wording` | phrases that the errors share |

A source is one file in `sources` and one line in `SOURCES`; a splitter one file in `splitters` and one line in
`SPLITTERS`. The keys of [data] and [split] are defined in
`search.spec.sections`; who may look at the test rows is decided in `search.selection`. scikit-learn and
pandas are imported inside the functions that need them, and TensorFlow never: a source that needs it (Keras'
own data sets, a user's function) runs in a child process.
"""

from search.data.dataset import Dataset
from search.data.encoding import (
    ONLY_INPUT,
    Arrays,
    Encoder,
    Samples,
    encoded_shape,
    fit_encoder,
    import_encoders,
    prepare,
)
from search.data.functions import SourceFunction, read_function
from search.data.identifiers import find_identifiers
from search.data.memory import to_arrays
from search.data.reading import read_data
from search.data.sealed import SealedRows
from search.data.sources import SOURCES
from search.data.sources.child import call_loss
from search.data.splits import Fold, Splits, draw_stop_rows, split_rows
from search.data.splitters import SPLITTERS, HeadValidation, HoldoutValidation, KFoldValidation
from search.data.target_scale import TargetScale
from search.data.targets import is_coded, is_one_hot

__all__ = [
    "ONLY_INPUT",
    "SOURCES",
    "SPLITTERS",
    "Arrays",
    "Dataset",
    "Encoder",
    "Fold",
    "HeadValidation",
    "HoldoutValidation",
    "KFoldValidation",
    "Samples",
    "SealedRows",
    "SourceFunction",
    "Splits",
    "TargetScale",
    "call_loss",
    "draw_stop_rows",
    "encoded_shape",
    "find_identifiers",
    "fit_encoder",
    "import_encoders",
    "is_coded",
    "is_one_hot",
    "prepare",
    "read_data",
    "read_function",
    "split_rows",
    "to_arrays",
]
