"""`head`: the first rows train, all others score."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import numpy as np
from pydantic import Field

from search.data.draws import Positions
from search.data.splitters._base import Development, Splitter
from search.data.wording import count
from search.errors import DataError, Problem
from search.spec import Validation


class HeadValidation(Validation, extra="forbid"):
    """The first rows train, all others score, as in many tutorials."""

    method: Literal["head"]
    train: int = Field(ge=1, description="number of rows that train")


def _divide(section: HeadValidation, development: Development) -> Iterator[tuple[Positions, Positions]]:
    """With groups or an order, the nearest division that parts neither a group nor rows of equal place."""
    rows, columns = development.rows, development.columns
    if section.train >= len(rows):
        outside = f"the {count(len(rows), 'row')} outside the test rows"
        message = f"expected train to be less than {outside}, received {section.train}"
        raise DataError(Problem(development.place, message))
    rows, cuts = columns.order_rows(rows)
    if not len(cuts):
        development.draw("Put the rows of each group next to one another, or choose another method.").refuse_cut()
    cut = cuts[np.abs(cuts - section.train).argmin()]
    yield np.sort(rows[:cut]), np.sort(rows[cut:])


HEAD = Splitter(HeadValidation, _divide, is_drawn=False)
