"""The columns of a table become inputs of a network: one file a kind of column, and the list that names them.

| kind | columns | inputs of each |
|---|---|---|
| `numbers` | of numbers | the number, scaled |
| `dates` | of dates | year, month, weekday, days since the first, and the hour where there are times; scaled |
| `target_encoded` | of text that a study names | the mean target of its rows, out of fold where rows train; scaled |
| `texts` | of other text | one for each category |
| `gaps` | with missing cells | 1 where the cell is missing |

Every kind fits on the rows that train, as a `Block`, and encodes all of its columns at once. Inputs come in the order
of the table above. What a block has learned is plain: `search.models.table_inputs` builds Keras layers of it.
"""

from __future__ import annotations

from search.data.columns._base import Block, Fitting, Missing, TableOptions, is_date, is_text
from search.data.columns.dates import Dates
from search.data.columns.gaps import Gaps
from search.data.columns.numbers import Numbers
from search.data.columns.target_encoded import TargetEncoded
from search.data.columns.texts import Texts

KINDS: tuple[type[Block], ...] = (Numbers, Dates, TargetEncoded, Texts, Gaps)
"""Every kind of column, in the order in which their inputs stand."""

__all__ = [
    "KINDS",
    "Block",
    "Dates",
    "Fitting",
    "Gaps",
    "Missing",
    "Numbers",
    "TableOptions",
    "TargetEncoded",
    "Texts",
    "is_date",
    "is_text",
]
