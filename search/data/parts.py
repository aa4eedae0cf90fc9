"""A division of the user's own: a column that says which part each row is of."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from search.data.dataset import Array
from search.data.draws import Positions
from search.data.wording import quote, quote_names
from search.errors import DataError, Problem

_NAMES = {
    "train": "train",
    "training": "train",
    "-1": "train",
    "stop": "stop",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "test": "test",
}
_TAKEN = '"train", "stop", "validation" and "test", or numbers of folds beside -1 for rows that always train'


@dataclass(frozen=True, eq=False)
class Parts:
    """Which rows are of which part.

    Args:
        names: For each row `train`, `stop`, `validation` or `test`, or the number of the fold that it scores in.
    """

    names: Array

    @classmethod
    def read(cls, column: Array, place: str) -> Parts:
        """The parts that a column tells: names, whatever their case, or whole numbers as scikit-learn's
        `PredefinedSplit` takes them, "test" beside them.

        Args:
            column: Shape (rows,), text or numbers.
            place: Where the study names it, for errors.

        Raises:
            DataError: It tells something else, or no row trains or scores.
        """
        different, of_rows = np.unique(column, return_inverse=True)
        told = np.array([_name_of(value) for value in different], dtype=object)
        if unknown := [value for value, name in zip(different, told, strict=True) if name is None]:
            raise DataError(Problem(place, f"expected a column of {_TAKEN}, received {quote_names(unknown)}"))
        names = told[of_rows]
        folds = sorted({name for name in told if name.isdecimal()}, key=int)
        problems = []
        if folds and (mixed := sorted({"validation", "stop"} & set(told))):
            message = f"expected names of parts or numbers of folds, received {quote(mixed[0])} beside {folds[0]}"
            problems.append(Problem(place, message))
        elif not folds:
            problems += [
                Problem(place, f"expected rows of the part {quote(part)}, received none")
                for part in ("train", "validation")
                if part not in told
            ]
        elif len(folds) == 1 and "train" not in told:
            problems.append(Problem(place, f"expected rows that train beside the fold {folds[0]}, received none"))
        if problems:
            raise DataError(problems)
        return cls(names)

    @property
    def test(self) -> Positions:
        """Rows that stay sealed."""
        return self.of("test")

    @property
    def development(self) -> Positions:
        """All others."""
        return np.flatnonzero(self.names != "test")

    def of(self, part: str) -> Positions:
        """The rows of a part, ascending."""
        return np.flatnonzero(self.names == part)

    def take(self, rows: Positions) -> Parts:
        """Those of some rows."""
        return Parts(self.names[rows])

    def folds(self) -> Iterator[tuple[Positions, Positions, Positions]]:
        """Rows that train, rows that stop (none where that is not told) and rows that score, for each fold."""
        numbers = sorted({name for name in self.names if name.isdecimal()}, key=int)
        if not numbers:
            yield self.of("train"), self.of("stop"), self.of("validation")
        for number in numbers:
            scores = self.names == number
            yield np.flatnonzero(~scores), np.zeros(0, np.int64), np.flatnonzero(scores)


def _name_of(value: object) -> str | None:
    """What a value of the column says: a part, or the number of a fold; None for anything else."""
    text = str(value).strip().lower()
    if isinstance(value, np.floating | np.bool_):
        text = str(int(value)) if float(value).is_integer() else text
    return _NAMES.get(text) or (str(int(text)) if text.isdecimal() else None)
