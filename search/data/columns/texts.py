"""Columns of text: one input for each category."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import numpy.typing as npt

from search.data.columns._base import Array, Block, Fitting, is_text

if TYPE_CHECKING:
    import pandas as pd

RARE = "(rare)"
"""The category of all that are rare, the last of a column."""


@dataclass(frozen=True, eq=False)
class Texts(Block):
    """Text as one-hot inputs, missing cells as the most frequent category.

    Args:
        names: The columns.
        categories: Those of each column, in order: each is an input. `RARE` is the last where rare ones are together.
        most_frequent: The category that missing cells are taken for, for each column; None where they are none.
        known: For each input, 1 where a row that trains has the category and 0 where none has: such an input is 0.
        merged: Whether rare categories, and unknown ones, are one.
    """

    names: tuple[str, ...]
    categories: tuple[tuple[str, ...], ...]
    most_frequent: tuple[str | None, ...]
    known: npt.NDArray[np.float32]
    merged: bool

    @classmethod
    def columns_of(cls, fitting: Fitting) -> list[str]:
        """Those of text of which the study says nothing else."""
        table, others = fitting.table, fitting.options.target_encode
        return [name for name in table.columns if is_text(table[name]) and name not in others]

    @classmethod
    def fit(cls, fitting: Fitting, names: Sequence[str]) -> Self:
        """Categories of all rows; which of them are known, and which is the most frequent, of those that train."""
        merged = fitting.options.min_frequency is not None
        categories = tuple(_categories(fitting.table[name], fitting.options.min_frequency) for name in names)
        frequent, known = list[str | None](), list[Array]()
        for name, kept in zip(names, categories, strict=True):
            column = fitting.train[name].dropna()
            counts = column.value_counts()
            frequent.append(None if fitting.options.missing == "error" or counts.empty else _most_frequent(counts))
            seen = set(_merge(column, kept, merged=merged))
            known.append(np.isin(np.array(kept, object), list(seen)))
        return cls(tuple(names), categories, tuple(frequent), np.concatenate(known).astype(np.float32), merged)

    def kept(self, position: int) -> list[str]:
        """The categories of a column that have an input of their own."""
        return [category for category in self.categories[position] if not (self.merged and category == RARE)]

    def place_of(self, text: str, position: int) -> int:
        """Which input of a column a text is, counted from 0; -1 for none.

        Args:
            text: A cell, "" for a missing one unless that is a category.
            position: Of the column in `names`.
        """
        categories, frequent = self.categories[position], self.most_frequent[position]
        if text == "" and text not in categories:
            if frequent is None:
                return -1
            text = frequent
        if text in categories:
            return categories.index(text)
        return categories.index(RARE) if self.merged and RARE in categories else -1

    @property
    def inputs(self) -> list[str]:
        """`color = red`."""
        pairs = zip(self.names, self.categories, strict=True)
        return [f"{name} = {category}" for name, categories in pairs for category in categories]

    @property
    def sizes(self) -> tuple[int, ...]:
        """The categories of each."""
        return tuple(map(len, self.categories))

    def encode(self, table: pd.DataFrame) -> Array:
        """1 for the category of the cell, 0 for the others, float32."""
        from sklearn.preprocessing import OneHotEncoder

        columns = []
        for name, categories, frequent in zip(self.names, self.categories, self.most_frequent, strict=True):
            column = table[name] if frequent is None else table[name].fillna(frequent)
            columns.append(_merge(column, categories, merged=self.merged))
        one_hot = OneHotEncoder(
            categories=[list(categories) for categories in self.categories],
            handle_unknown="ignore",
            sparse_output=False,
            dtype=np.float32,
        )
        cells = np.column_stack(columns).astype(object)
        encoded: Array = one_hot.fit(cells[:1]).transform(cells) * self.known
        return encoded


def _categories(column: pd.Series[Any], min_frequency: int | None) -> tuple[str, ...]:
    counts = column.value_counts()
    if min_frequency is None:
        return tuple(sorted(counts.index))
    kept = sorted(counts.index[counts >= min_frequency])
    return (*kept, RARE) if len(kept) < len(counts) else tuple(kept)


def _most_frequent(counts: pd.Series[Any]) -> str:
    """The category of most rows, the first of them in order where several have as many."""
    return min(map(str, counts.index[counts == counts.max()]))


def _merge(column: pd.Series[Any], categories: Sequence[str], *, merged: bool) -> Array:
    """Text with one category for all that have none of their own; as it is where none are merged."""
    if not merged or RARE not in categories:
        return column.to_numpy(object)
    return np.where(column.isin(categories) | column.isna(), column, RARE)
