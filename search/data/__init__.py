"""Rows and their targets: read, checked, fingerprinted, split and encoded.

| module | what lives there |
|---|---|
| `reading` | `read_data`: the [data] table of a study becomes a checked `Dataset` |
| `sources` | where rows come from, one file a source, and the map `SOURCES` |
| `targets` | a target column becomes class indices or quantities; classification or regression |
| `stored_rows`, `cache_folder` | features that stay in a file; where the user's cache folder is |
| `named_inputs` | arrays of several inputs, beside one another |
| `further_targets` | targets of several outputs |
| `keras_names` | names that Keras gives to layers without one |
| `machine` | how much memory there is |
| `functions`, `trust` | code of the user's as text, and whether what comes with a model may be run |
| `streams` | data sets that come in batches, as arrays |
| `memory` | `to_arrays`: rows that a Python program has in memory |
| `dataset` | `Dataset`, its SHA-256, and which rows are equal |
| `splits` | `split_rows`: sealed test rows, folds, stop rows; `redraw_folds`: other folds |
| `sealed` | `SealedRows`: the test rows, behind one door |
| `splitters` | how the rows that score are chosen, one file a method, and the map `SPLITTERS` |
| `draws` | one draw of rows, stratified, by groups or in order, and the words for one that cannot be made |
| `target_scale` | targets of a regression as networks are trained on them, and back |
| `encoding` | `prepare`: one fold as float32 arrays; scaling and one-hot fitted on the rows that train |
| `columns` | the columns of a table become inputs, one file a kind of column |
| `identifiers` | columns that name rows instead of describing them |
| `date_formats` | dates in text |
| `marked_numbers` | numbers in text, with a currency or marks of thousands |
| `suiting` | `suit_file` and `suit_columns`: which keys of [data] suit a file and the columns of its table |
| `table_notes` | what the user should know of a table's columns |
| `row_columns` | columns that say something of their rows |
| `row_form` | how rows are written that a trained model is given |
| `look` | `look_at`: what a data set is like, before anything is trained on it |
| `parts` | a division of the user's own |
| `wording` | phrases that the errors share |

A source is one file in `sources` and one line in `SOURCES`; a splitter one file in `splitters` and one line in
`SPLITTERS`. The keys of [data] and [split] are defined in
`search.spec.sections`; who may look at the test rows is decided in `search.selection`. scikit-learn and
pandas are imported inside the functions that need them, and TensorFlow never: a source that needs it (Keras'
own data sets, a user's function) runs in a child process.
"""

from search.data.columns import TableOptions, is_text
from search.data.dataset import Dataset
from search.data.encoding import (
    Arrays,
    Encoder,
    Samples,
    encoded_shape,
    fit_encoder,
    import_encoders,
    prepare,
)
from search.data.functions import SourceFunction, SourceModule, called_loss, read_function
from search.data.further_targets import FurtherTarget, NamedOutput
from search.data.look import DataLook, look_at
from search.data.machine import check_fits, in_gib, machine_bytes
from search.data.memory import to_archive, to_arrays
from search.data.named_inputs import (
    ONLY_INPUT,
    InputShapes,
    NamedArrays,
    code_texts,
    in_words,
    join_inputs,
    split_inputs,
)
from search.data.reading import read_data
from search.data.row_form import NewRows, RowForm, read_new_rows
from search.data.sealed import SealedRows
from search.data.sources import SOURCES
from search.data.sources._child import SUBCLASSED, add_told, first_cause, tell_subclassed
from search.data.sources.child import call_text_layers, try_code
from search.data.sources.csv_file import MISSING, told_format, told_writing
from search.data.sources.npz_file import read_features
from search.data.sources.raw import PlainError
from search.data.sources.scikit_learn import sklearn_call
from search.data.splits import Fold, Splits, draw_stop_rows, redraw_folds, scores_other_rows, split_rows
from search.data.splitters import SPLITTERS, HeadValidation, HoldoutValidation, KFoldValidation
from search.data.stored_rows import (
    RowsFile,
    StoredRows,
    Written,
    is_stored,
    is_table,
    most_bytes_in_memory,
    read_rows,
    write_member,
)
from search.data.streams import collect, is_stream
from search.data.suiting import suit_columns, suit_file
from search.data.table_notes import notes_on_columns
from search.data.target_scale import TargetScale
from search.data.targets import is_coded, is_one_hot
from search.data.trust import read_trusted

__all__ = [
    "MISSING",
    "ONLY_INPUT",
    "SOURCES",
    "SPLITTERS",
    "SUBCLASSED",
    "Arrays",
    "DataLook",
    "Dataset",
    "Encoder",
    "Fold",
    "FurtherTarget",
    "HeadValidation",
    "HoldoutValidation",
    "InputShapes",
    "KFoldValidation",
    "NamedArrays",
    "NamedOutput",
    "NewRows",
    "PlainError",
    "RowForm",
    "RowsFile",
    "Samples",
    "SealedRows",
    "SourceFunction",
    "SourceModule",
    "Splits",
    "StoredRows",
    "TableOptions",
    "TargetScale",
    "Written",
    "add_told",
    "call_text_layers",
    "called_loss",
    "check_fits",
    "code_texts",
    "collect",
    "draw_stop_rows",
    "encoded_shape",
    "first_cause",
    "fit_encoder",
    "import_encoders",
    "in_gib",
    "in_words",
    "is_coded",
    "is_one_hot",
    "is_stored",
    "is_stream",
    "is_table",
    "is_text",
    "join_inputs",
    "look_at",
    "machine_bytes",
    "most_bytes_in_memory",
    "notes_on_columns",
    "prepare",
    "read_data",
    "read_features",
    "read_function",
    "read_new_rows",
    "read_rows",
    "read_trusted",
    "redraw_folds",
    "scores_other_rows",
    "sklearn_call",
    "split_inputs",
    "split_rows",
    "suit_columns",
    "suit_file",
    "tell_subclassed",
    "to_archive",
    "to_arrays",
    "told_format",
    "told_writing",
    "try_code",
    "write_member",
]
