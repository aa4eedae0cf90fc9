"""One draw of rows, at random or the last in order, and the words for one that cannot be made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import NoReturn

import numpy as np
import numpy.typing as npt

from search.data.dataset import Array, Dataset
from search.data.wording import quote_names
from search.errors import DataError, Problem

Positions = npt.NDArray[np.int64]
"""Which rows of a data set are meant, counted from 0, shape (n,)."""
Strata = npt.NDArray[np.int64] | None
"""Class index of every row; None for regression."""

_MOST_PARTS = 20  # a share is drawn from so many parts of whole groups at most


@dataclass(frozen=True, eq=False)
class Columns:
    """What a division of rows respects, one value a row of the data.

    Args:
        n_rows: Number of rows.
        classes: Label of each class index; empty for regression.
        strata: Class index of every row; None for regression.
        groups: Number of the group of every row, int64, shape (n,): no group stands on two sides of a division.
        order: Place of every row in the order, int64, shape (n,), equal for rows that are not told apart: what is
            drawn lies after the rest.
    """

    n_rows: int
    classes: tuple[str, ...]
    strata: Strata
    groups: Positions | None = None
    order: Positions | None = None

    @classmethod
    def of(cls, dataset: Dataset) -> Columns:
        """Those of a data set."""
        strata = dataset.target if dataset.classes else None
        return cls(len(dataset), dataset.classes, strata, _numbered(dataset.groups), _numbered(dataset.order))

    def __len__(self) -> int:
        return self.n_rows

    def order_rows(self, rows: Positions) -> tuple[Positions, Positions]:
        """Rows in their order, and where they can be cut in two.

        Args:
            rows: Which rows; where the data has no order, they are taken as they stand.
        Returns:
            The rows, and after how many of them a cut parts neither a group nor rows of equal place, ascending,
            each from 1 to n - 1.
        """
        places = np.arange(len(rows), dtype=np.int64) if self.order is None else self.order[rows]
        rows = rows[np.argsort(places, kind="stable")]
        can_cut = np.diff(np.sort(places)) > 0
        if self.groups is not None:
            groups = self.groups[rows]
            last = np.zeros(groups.max(initial=0) + 1, dtype=np.int64)
            np.maximum.at(last, groups, np.arange(len(rows)))
            # Up to where the groups reach that have begun: a cut parts none where that is no further than here.
            can_cut &= np.maximum.accumulate(last[groups])[:-1] == np.arange(len(rows) - 1)
        return rows, np.flatnonzero(can_cut) + 1


@dataclass(frozen=True)
class Draw:
    """A draw as errors name it.

    Args:
        place: Where the study file asks for it: `[split] test`.
        drawn: What the drawn rows are: `test`.
        rest: What the others are: `development`.
        remedy: What to do when it cannot be made.
    """

    place: str
    drawn: str
    rest: str
    remedy: str

    def divide(self, rows: Positions, columns: Columns, size: float, seed: int) -> tuple[Positions, Positions]:
        """Divide rows: at random, in proportion to the classes where there are any, or the last ones in order.

        Where the columns have groups or an order, the size is the nearest that parts no group and no rows of equal
        place in the order; groups are drawn at random, in proportion to the classes as far as groups allow it.

        Args:
            rows: Which rows to divide, int64, shape (n,), ascending.
            columns: What the division respects, for every row of the data, which `rows` index.
            size: How many to draw: a count (int), or a share in (0, 1) (float), rounded, 1 at least.
            seed: Seed of the draw, in [0, 2**32).
        Returns:
            The rest and the drawn rows, both ascending.
        Raises:
            DataError: A part would be empty or lack a class, or groups and order allow no division.
        """
        n_drawn = size if isinstance(size, int) else max(1, int(size * len(rows) + 0.5))
        self._check(rows, columns, n_drawn)
        if columns.order is not None:
            rest, drawn = self._take_last(rows, columns, n_drawn)
        elif columns.groups is not None:
            rest, drawn = self._draw_groups(rows, columns, columns.groups, n_drawn, seed)
        else:
            rest, drawn = self._draw_rows(rows, columns, n_drawn, seed)
        rest, drawn = np.sort(rest), np.sort(drawn)
        parts = ((f"the {self.drawn} rows", drawn), (f"the {self.rest} rows", rest))
        check_classes(self.place, parts, columns, self.remedy)
        return rest, drawn

    def refuse_cut(self) -> NoReturn:
        """Refuse rows that cannot be divided in their order.

        Raises:
            DataError: Always.
        """
        together = "groups and rows of equal place stay together"
        self._refuse(f"expected {self.rest} rows and then {self.drawn} rows, received rows of one part ({together})")

    def _draw_rows(self, rows: Positions, columns: Columns, n_drawn: int, seed: int) -> tuple[Positions, Positions]:
        from sklearn.model_selection import train_test_split

        labels = None if columns.strata is None else columns.strata[rows]
        rest, drawn = train_test_split(rows, test_size=n_drawn, stratify=labels, random_state=seed)
        return rest, drawn

    def _take_last(self, rows: Positions, columns: Columns, n_drawn: int) -> tuple[Positions, Positions]:
        rows, cuts = columns.order_rows(rows)
        if not len(cuts):
            self.refuse_cut()
        cut = cuts[np.abs(cuts - (len(rows) - n_drawn)).argmin()]
        return rows[:cut], rows[cut:]

    def _draw_groups(
        self, rows: Positions, columns: Columns, groups: Positions, n_drawn: int, seed: int
    ) -> tuple[Positions, Positions]:
        """Some of several parts of whole groups, as many as come nearest to the share that is asked for."""
        from sklearn.model_selection import GroupKFold, StratifiedGroupKFold

        n_groups = len(np.unique(groups[rows]))
        if n_groups < 2:
            self._refuse(f"expected at least 2 groups for {self.drawn} rows and {self.rest} rows, received {n_groups}")
        labels = None if columns.strata is None else columns.strata[rows]
        # scikit-learn warns where a class has fewer rows than there are parts.
        rarest = n_groups if labels is None else int(np.bincount(labels)[np.unique(labels)].min())
        most = min(n_groups, rarest, _MOST_PARTS)
        smallest, largest = Fraction(1, most), Fraction(most - 1, most)
        share = min(max(Fraction(n_drawn, len(rows)), smallest), largest).limit_denominator(most)
        n_taken, n_parts = share.as_integer_ratio()
        kind = GroupKFold if labels is None else StratifiedGroupKFold
        splitter = kind(n_splits=n_parts, shuffle=True, random_state=seed)
        parts = [part for _, part in splitter.split(rows, labels, groups[rows])]
        choices = [np.concatenate([parts[(first + i) % n_parts] for i in range(n_taken)]) for first in range(n_parts)]
        drawn = next((choice for choice in choices if _holds_every_class(labels, choice)), choices[0])
        return np.delete(rows, drawn), rows[drawn]

    def _check(self, rows: Positions, columns: Columns, n_drawn: int) -> None:
        """Refuse what scikit-learn would refuse, in words that name the part and the class."""
        n_rest, n_classes = len(rows) - n_drawn, len(columns.classes)
        if n_rest < 1:
            self._refuse(f"expected fewer {self.drawn} rows than the {len(rows)} to draw from, received {n_drawn}")
        if columns.strata is None:
            return
        for name, number in ((self.drawn, n_drawn), (self.rest, n_rest)):
            if number < n_classes:
                self._refuse(f"expected at least {n_classes} {name} rows, one for each class, received {number}")
        members = np.bincount(columns.strata[rows], minlength=n_classes)
        if few := [columns.classes[index] for index in np.flatnonzero(members < 2)]:
            parts = f"{self.drawn} rows and {self.rest} rows"
            self._refuse(f"expected at least 2 rows of every class for {parts}, received fewer of {quote_names(few)}")

    def _refuse(self, message: str) -> NoReturn:
        raise DataError(Problem(self.place, message, self.remedy))


def check_classes(place: str, parts: Sequence[tuple[str, Positions]], columns: Columns, remedy: str) -> None:
    """Check that every part holds every class.

    Args:
        place: Where the study file asks for the parts.
        parts: What a part is called, and its rows.
        columns: Those of the data; without classes it passes.
        remedy: What to do about a class that is absent.

    Raises:
        DataError: With each part that lacks a class, and the classes.
    """
    if columns.strata is None:
        return
    problems = []
    for name, rows in parts:
        members = np.bincount(columns.strata[rows], minlength=len(columns.classes))
        if absent := [columns.classes[index] for index in np.flatnonzero(members == 0)]:
            message = f"expected every class in {name}, received no row of {quote_names(absent)}"
            problems.append(Problem(place, message, remedy))
    if problems:
        raise DataError(problems)


def derive_seed(*parts: int) -> int:
    """A seed in [0, 2**32) that depends on all the parts."""
    return int(np.random.SeedSequence(parts).generate_state(1)[0])


def _numbered(values: Array | None) -> Positions | None:
    """Values as their place among the different ones, ascending: equal for equal values."""
    return None if values is None else np.unique(values, return_inverse=True)[1].astype(np.int64)


def _holds_every_class(labels: Strata, drawn: Positions) -> bool:
    """Whether the drawn rows and the rest hold every class of all."""
    if labels is None:
        return True
    n_classes = len(np.unique(labels))
    return len(np.unique(labels[drawn])) == n_classes == len(np.unique(np.delete(labels, drawn)))
