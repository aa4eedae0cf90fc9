"""`look_at`: what a data set is like, before anything is trained on it."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from search.data.columns import is_date, is_text
from search.data.dataset import Dataset
from search.data.named_inputs import split_inputs
from search.data.stored_rows import is_stored, is_table

if TYPE_CHECKING:
    import pandas as pd

Array = npt.NDArray[Any]

SUSPICIOUS = 0.98
"""A column that alone predicts the target as well as this is one to look at: it may come from after the fact."""

_MOST_COLUMNS = 200  # that are looked at one by one
_MOST_ROWS = 5_000  # on which a column is tried
_FOLDS = 3
_MOST_LEAVES = 16
_LEAST_ROWS = 30  # fewer tell nothing


@dataclass(frozen=True)
class ColumnLook:
    """One column.

    Args:
        name: Its name; its position in arrays.
        kind: `number`, `text` or `date`.
        missing: Cells that are missing.
        different: Different values.
        values: Its range, or its most frequent values, in words.
        predicts: How well it alone predicts the target on rows that it was not fitted on, from 0 (not at all) to 1:
            of two classes twice the area under the ROC curve less 1, of more balanced accuracy above chance, of numbers
            R2. None where it was not tried.
    """

    name: str
    kind: str
    missing: int
    different: int
    values: str
    predicts: float | None

    @property
    def is_suspicious(self) -> bool:
        """Whether it tells the target by itself."""
        return self.predicts is not None and self.predicts >= SUSPICIOUS


@dataclass(frozen=True)
class DataLook:
    """A whole data set.

    Args:
        n_rows: Number of rows.
        target: Rows of each class, or the range of the targets, in words.
        columns: Of a table, or of rows of numbers; empty for images and sequences, and for more columns than are
            looked at.
        n_unseen: Number of columns that are too many to be looked at one by one; 0 for images and sequences.
        n_tried: Rows on which each column was tried alone; 0 where none was.
    """

    n_rows: int
    target: str
    columns: tuple[ColumnLook, ...]
    n_unseen: int = 0
    n_tried: int = 0

    @property
    def trial_in_words(self) -> str:
        """What `predicts` of its columns was measured on; empty where none was tried."""
        if not self.n_tried:
            return ""
        return (
            f"{self.n_tried:,} rows in {_FOLDS} parts: a small tree on the column, fitted on the other parts, predicts "
            "each"
        )


def look_at(dataset: Dataset) -> DataLook:
    """Look at rows.

    Args:
        dataset: Those that are not sealed, at least two.
    """
    table = _table(dataset)
    unseen = table.shape[1] if table.shape[1] > _MOST_COLUMNS else 0
    seen = table.columns[: 0 if unseen else None]
    columns = tuple(_look_at_column(str(name), table[name], dataset) for name in seen)
    tried = any(column.predicts is not None for column in columns)
    n_tried = min(len(dataset), _MOST_ROWS) if tried else 0
    return DataLook(len(dataset), _target_in_words(dataset), columns, unseen, n_tried)


def _table(dataset: Dataset) -> pd.DataFrame:
    """The columns to look at: those of a table or a flat array, and of inputs those that are flat and were no text."""
    import pandas as pd

    features, inputs, texts = dataset.features, dataset.inputs, dataset.from_text
    if is_table(features):
        return features
    if is_stored(features) or (texts and not inputs):
        return pd.DataFrame()
    if inputs:
        parts = split_inputs(features, inputs)
        flat = [(name, rows) for name, rows in parts.items() if rows.ndim == 2 and name not in texts]
        return pd.DataFrame({f"{name}[{at}]": rows[:, at] for name, rows in flat for at in range(rows.shape[1])})
    return pd.DataFrame(features) if features.ndim == 2 else pd.DataFrame()


def _target_in_words(dataset: Dataset) -> str:
    if dataset.task != "regression":
        counts = np.bincount(dataset.target, minlength=len(dataset.classes))
        shown = [f"{label} {number:,}" for label, number in zip(dataset.classes, counts, strict=True)]
        more = f" and {len(shown) - 10} more classes" if len(shown) > 10 else ""
        return f"{len(shown)} classes: {', '.join(shown[:10])}{more}"
    columns = dataset.target.reshape(len(dataset), -1)
    shown = [f"{_short(column.min())} to {_short(column.max())}" for column in columns.T]
    return f"numbers from {'; '.join(shown[:3])}{' ...' if len(shown) > 3 else ''}"


def _look_at_column(name: str, column: pd.Series[Any], dataset: Dataset) -> ColumnLook:
    kind = "text" if is_text(column) else "date" if is_date(column) else "number"
    known = column.dropna()
    if kind == "text":
        counts = known.value_counts()
        shown = [f"{value} {number}" for value, number in counts.head(3).items()]
        values = ", ".join(each if len(each) <= 24 else f"{each[:21]}..." for each in shown)
        values += ", ..." if len(counts) > 3 else ""
    elif known.empty:
        values = "-"
    elif kind == "date":
        values = f"{known.min():%Y-%m-%d} to {known.max():%Y-%m-%d}"
    else:
        values = f"{_short(known.min())} to {_short(known.max())}"
    missing, different = int(column.isna().sum()), int(known.nunique())
    return ColumnLook(name, kind, missing, different, values, _predicts(column, dataset))


def _predicts(column: pd.Series[Any], dataset: Dataset) -> float | None:
    """How well a small tree on one column predicts the target of other rows."""
    from sklearn.model_selection import cross_val_score
    from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

    target = dataset.target
    if len(dataset) < _LEAST_ROWS or target.ndim > 1:
        return None
    rows = np.random.default_rng(0).permutation(len(dataset))[:_MOST_ROWS]
    cells, target = _as_numbers(column)[rows, None], target[rows]
    if dataset.task == "regression":
        scores = cross_val_score(DecisionTreeRegressor(min_samples_leaf=2), cells, target, cv=_FOLDS, scoring="r2")
        return max(0.0, float(scores.mean()))
    if np.bincount(target, minlength=len(dataset.classes)).min() < _FOLDS:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        # Of a rare class a tree that decides would predict nothing, however much it knows.
        measure = "roc_auc" if len(dataset.classes) == 2 else "balanced_accuracy"
        tree = DecisionTreeClassifier(min_samples_leaf=2, max_leaf_nodes=_MOST_LEAVES, random_state=0)
        score = float(cross_val_score(tree, cells, target, cv=_FOLDS, scoring=measure).mean())
    chance = 1 / len(dataset.classes)
    return max(0.0, (score - chance) / (1 - chance))


def _as_numbers(column: pd.Series[Any]) -> npt.NDArray[np.float64]:
    """Cells as numbers; missing ones lie below all others."""
    import pandas as pd

    if is_text(column):
        return pd.factorize(column, sort=True)[0].astype(np.float64)
    numbers = column.to_numpy("datetime64[us]").astype(np.int64).astype(np.float64) if is_date(column) else None
    values = column.to_numpy(np.float64) if numbers is None else np.where(column.isna(), np.nan, numbers)
    lowest = np.nanmin(values) if not np.isnan(values).all() else 0.0
    return np.where(np.isnan(values), lowest - max(1.0, abs(lowest)), values)


def _short(value: float) -> str:
    return f"{value:.4g}"
