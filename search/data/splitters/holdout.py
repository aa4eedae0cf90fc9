"""`holdout`: one share of the rows scores."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from pydantic import Field

from search.data.draws import Positions
from search.data.splitters._base import Development, Splitter
from search.spec import Fraction, Validation


class HoldoutValidation(Validation, extra="forbid"):
    """One random share of the training rows scores; where rows have an order, the last ones."""

    method: Literal["holdout"]
    fraction: Fraction = Field(default=0.25, description="share of the rows that score")


def _divide(section: HoldoutValidation, development: Development) -> Iterator[tuple[Positions, Positions]]:
    draw = development.draw("Change split.validation.fraction.")
    yield draw.divide(development.rows, development.columns, section.fraction, development.seed)


HOLDOUT = Splitter(HoldoutValidation, _divide)
