"""One random, stratified draw of rows, and the words for one that cannot be made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from search.data.wording import quote_names
from search.errors import DataError, Problem

Positions = npt.NDArray[np.int64]
"""Which rows of a data set are meant, counted from 0, shape (n,)."""
Strata = npt.NDArray[np.int64] | None
"""Class index of every row; None for regression."""


@dataclass(frozen=True)
class Draw:
    """A draw as errors name it.

    Args:
        place: Where the study file asks for it: `[split] test`.
        drawn: What the drawn rows are: `test`.
        rest: What the others are: `development`.
        remedy: What to do when it cannot be made.
        classes: Label of each class index; empty for regression.
    """

    place: str
    drawn: str
    rest: str
    remedy: str
    classes: tuple[str, ...]

    def divide(self, rows: Positions, strata: Strata, size: float, seed: int) -> tuple[Positions, Positions]:
        """Divide rows at random, in proportion to the classes where there are any.

        Args:
            rows: Which rows to divide, int64, shape (n,).
            strata: Class index of every row of the data, which `rows` index; None for regression.
            size: How many to draw: a count (int), or a share in (0, 1) (float), rounded, 1 at least.
            seed: Seed of the draw, in [0, 2**32).
        Returns:
            The rest and the drawn rows, both ascending.
        Raises:
            DataError: A part would be empty or lack a class.
        """
        from sklearn.model_selection import train_test_split

        n_drawn = size if isinstance(size, int) else max(1, int(size * len(rows) + 0.5))
        self._check(rows, strata, n_drawn)
        labels = None if strata is None else strata[rows]
        rest, drawn = train_test_split(rows, test_size=n_drawn, stratify=labels, random_state=seed)
        rest, drawn = np.sort(rest), np.sort(drawn)
        parts = ((f"the {self.drawn} rows", drawn), (f"the {self.rest} rows", rest))
        check_classes(self.place, parts, strata, self.classes, self.remedy)
        return rest, drawn

    def _check(self, rows: Positions, strata: Strata, n_drawn: int) -> None:
        """Refuse what scikit-learn would refuse, in words that name the part and the class."""
        n_rest, n_classes = len(rows) - n_drawn, len(self.classes)
        if n_rest < 1:
            self._refuse(f"expected fewer {self.drawn} rows than the {len(rows)} to draw from, received {n_drawn}")
        if strata is None:
            return
        for name, number in ((self.drawn, n_drawn), (self.rest, n_rest)):
            if number < n_classes:
                self._refuse(f"expected at least {n_classes} {name} rows, one for each class, received {number}")
        members = np.bincount(strata[rows], minlength=n_classes)
        if few := [self.classes[index] for index in np.flatnonzero(members < 2)]:
            parts = f"{self.drawn} rows and {self.rest} rows"
            self._refuse(f"expected at least 2 rows of every class for {parts}, received fewer of {quote_names(few)}")

    def _refuse(self, message: str) -> None:
        raise DataError(Problem(self.place, message, self.remedy))


def check_classes(
    place: str,
    parts: Sequence[tuple[str, Positions]],
    strata: Strata,
    classes: tuple[str, ...],
    remedy: str,
) -> None:
    """Check that every part holds every class.

    Args:
        place: Where the study file asks for the parts.
        parts: What a part is called, and its rows.
        strata: Class index of every row; None for regression, which passes.
        classes: Label of each class index.
        remedy: What to do about a class that is absent.

    Raises:
        DataError: With each part that lacks a class, and the classes.
    """
    if strata is None:
        return
    problems = []
    for name, rows in parts:
        members = np.bincount(strata[rows], minlength=len(classes))
        if absent := [classes[index] for index in np.flatnonzero(members == 0)]:
            message = f"expected every class in {name}, received no row of {quote_names(absent)}"
            problems.append(Problem(place, message, remedy))
    if problems:
        raise DataError(problems)
