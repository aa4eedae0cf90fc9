"""What a splitter is, and the rows that it is given."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np

from search.data.draws import Columns, Draw, Positions
from search.spec import Validation

ValidationT = TypeVar("ValidationT", bound=Validation)


@dataclass(frozen=True, eq=False)
class Development:
    """The development rows, of which a splitter chooses those that score.

    Args:
        columns: What a division respects, one value a row.
        seed: Seed of the draws, in [0, 2**32).
        place: Where the study file asks for the division, for errors: `[split] validation`.
    """

    columns: Columns
    seed: int
    place: str

    @property
    def rows(self) -> Positions:
        """All of them, ascending."""
        return np.arange(len(self.columns), dtype=np.int64)

    def draw(self, remedy: str) -> Draw:
        """A draw of validation rows.

        Args:
            remedy: What to do when it cannot be made.
        """
        return Draw(self.place, "validation", "training", remedy)


@dataclass(frozen=True)
class Splitter(Generic[ValidationT]):
    """A way to choose the rows that score.

    Args:
        section: Its table in a study file: `method`, which names it, and its options.
        divide: Gives for each fold the training rows, the later stop rows among them, and the validation rows, both
            ascending. It leaves no group on both sides and keeps the order, where the columns have them.
        is_drawn: Whether another seed makes other divisions of rows without an order.
    """

    section: type[ValidationT]
    divide: Callable[[ValidationT, Development], Iterator[tuple[Positions, Positions]]]
    is_drawn: bool = True
