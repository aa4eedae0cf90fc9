"""What the user should know of the columns of a table, one sentence each: counted as `look_at` counts them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from search.data.columns import TableOptions, is_text
from search.data.dataset import Dataset
from search.data.date_formats import find_formats
from search.data.marked_numbers import find_marked_number
from search.data.stored_rows import is_table

if TYPE_CHECKING:
    import pandas as pd

_MOST_TEXT_NOTES = 8
_MOST_NAMES = 6


def notes_on_columns(dataset: Dataset) -> tuple[str, ...]:
    """What becomes of missing cells, and which columns of text are hardly categories; nothing for arrays.

    Args:
        dataset: The rows that are not sealed: inputs are made of what these hold.
    """
    features, options = dataset.features, dataset.options
    if not is_table(features):
        return ()
    texts = [name for name in features.columns if is_text(features[name]) and name not in options.target_encode]
    notes = [note for name in texts for note in _text_notes(name, features[name], options)]
    if len(notes) > _MOST_TEXT_NOTES:
        more = f"Of {len(notes) - _MOST_TEXT_NOTES + 1} more columns of text such things could be said."
        notes = [*notes[: _MOST_TEXT_NOTES - 1], more]
    return (*notes, *_gap_notes(features, options))


def _text_notes(name: str, column: pd.Series[Any], options: TableOptions) -> list[str]:
    counts = column.value_counts()
    if find_formats(list(map(str, counts.index))):
        return [f'Text column "{name}" looks like dates, and each becomes an input of its own: set dates = ["{name}"].']
    if (marked := find_marked_number(map(str, counts.index))) is not None:
        return [
            f'Text column "{name}" holds numbers with marks, such as "{marked}", and each becomes an input of its own: '
            "write plain numbers."
        ]
    if options.min_frequency is not None:
        rare = int((counts < options.min_frequency).sum())
        return [f'Text column "{name}": {rare} of {len(counts)} values are rare and one together.'] if rare else []
    if len(counts) > 20 and 2 * len(counts) > len(column):
        return [
            f'Text column "{name}" has {len(counts)} different values in {len(column)} rows: '
            f"it becomes up to {len(counts)} one-hot inputs."
        ]
    return []


def _gap_notes(features: pd.DataFrame, options: TableOptions) -> list[str]:
    """What becomes of missing cells, where there are any."""
    lacking = features.isna().sum()
    holed = [name for name in features.columns if lacking[name]]
    if not holed:
        return []
    named = ", ".join(f'{lacking[name]} in "{name}"' for name in holed[:_MOST_NAMES])
    more = f" and others in {len(holed) - _MOST_NAMES} more columns" if len(holed) > _MOST_NAMES else ""
    beside = "; an input beside each column says where" if options.missing == "indicate" else ""
    return [
        f"Missing cells, {named}{more}, become the median or the most frequent category of the rows that train{beside}."
    ]
