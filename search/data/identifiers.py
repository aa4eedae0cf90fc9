"""Columns that name rows instead of describing them: what is learned from them holds for no other row."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from search.data.columns import is_date
from search.data.dataset import Dataset
from search.data.marked_numbers import find_marked_number
from search.data.stored_rows import is_table

if TYPE_CHECKING:
    import pandas as pd

# "Unnamed: 0" is an index that was written without a name, read with one, and written again.
_CALLED_SO = re.compile(r"(?i:(?:^|[^a-z])(?:id|uuid|guid|key|index|number|nr|no)$)|[a-z]I[dD]$|^Unnamed: \d+$")
_LEAST_ROWS = 20  # fewer different values say nothing


def find_identifiers(dataset: Dataset) -> dict[str, str]:
    """The columns of a table that look like identifiers, each with the reason in words; nothing for arrays.

    They are text, or whole numbers that are called so or count the rows, with another value in each row.
    """
    features = dataset.features
    if not is_table(features) or len(dataset) < _LEAST_ROWS:
        return {}
    found = {}
    for name in map(str, features.columns):
        column = features[name]
        if column.nunique() < len(column):
            continue
        if find_marked_number(column) is None if column.dtype == object else _names_rows(name, column):
            found[name] = f"{name}: another {'text' if column.dtype == object else 'number'} in each row, an identifier"
    return found


def _names_rows(name: str, column: pd.Series) -> bool:
    """Whether different numbers are whole ones that are called an identifier, or follow one another; not dates."""
    values = column.to_numpy()
    if is_date(column) or not np.array_equal(values, np.rint(values)):
        return False
    return bool(_CALLED_SO.search(name)) or bool((np.diff(values) == 1).all())
