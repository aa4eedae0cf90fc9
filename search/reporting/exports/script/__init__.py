"""What the Python export does with raw rows: source text that reads them, encodes them and tells what is predicted.

| module | what lives there |
|---|---|
| `known` | what is known of the rows of a study |
| `reading` | `read_data`, targets as the model is trained on them, and the rows that are kept apart |
| `table` | the columns of a table become inputs: `search.data.columns`, told again with pandas and scikit-learn |
| `arrays` | the same of arrays, and of tables that are taken as arrays |
| `preparation` | the class `Preparation`, which both make |
| `using` | `train`, `predict` and the program |

The numbers are those of `search.data.encoding`, whose scikit-learn classes the source calls as well; tests hold the two
against each other. What decides how many inputs there are (categories, columns with gaps) was told by all rows of the
study and stands in the source; medians, means and the like are fitted on the rows that train.
"""

from __future__ import annotations

from search.models import RowsSource
from search.reporting.exports.script.arrays import encode_arrays
from search.reporting.exports.script.known import Known, know_rows
from search.reporting.exports.script.reading import read_source
from search.reporting.exports.script.table import encode_table
from search.reporting.exports.script.using import use_model

__all__ = ["Known", "know_rows", "rows_source"]


def rows_source(known: Known) -> RowsSource:
    """All that a file does with the rows of a study."""
    reading, using = read_source(known), use_model(known)
    encoding = encode_table(known) if known.blocks else encode_arrays(known)
    return RowsSource(
        (*reading.imports, *encoding.imports, *using.imports),
        (*reading.constants, *encoding.constants, *using.constants),
        (*reading.before, *encoding.before, *using.before),
        using.after,
        using.started,
    )
