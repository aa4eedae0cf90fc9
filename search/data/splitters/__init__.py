"""Ways to choose the rows that score: one file a splitter, and the map that names them.

A new splitter is one file and one line in `SPLITTERS`: the file holds the table that a study file writes for it, a
`Validation` with its `method` and options, which `search.preparation.catalogue` tells to the reader of study files; and
it divides the rows. How rows are drawn so that groups stay together and an order is kept is told by
`search.data.draws`; the stop rows of each fold are drawn in `search.data.splits`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from search.data.splitters._base import Development, Splitter
from search.data.splitters.head import HEAD, HeadValidation
from search.data.splitters.holdout import HOLDOUT, HoldoutValidation
from search.data.splitters.kfold import KFOLD, KFoldValidation
from search.errors import DataError, Problem
from search.spec import Validation
from search.spec.wording import did_you_mean, quoted, show

__all__ = [
    "SPLITTERS",
    "Development",
    "HeadValidation",
    "HoldoutValidation",
    "KFoldValidation",
    "Splitter",
    "find_splitter",
]

SPLITTERS: Mapping[str, Splitter[Any]] = {
    "holdout": HOLDOUT,
    "kfold": KFOLD,
    "head": HEAD,
}
"""Method to its splitter; errors list them in this order."""


def find_splitter(validation: Validation, place: str) -> tuple[Splitter[Any], Validation]:
    """The splitter of a method, and the method's options as it takes them.

    A study file's were checked when it was read; those of a stored study may be of a program with other splitters.

    Args:
        validation: Method and options.
        place: Where they stand, for errors: `[split] validation`.

    Raises:
        DataError: There is no such method, or it does not take the options.
    """
    splitter = SPLITTERS.get(validation.method)
    if splitter is None:
        message = f"expected method = {quoted(SPLITTERS)}, received {show(validation.method)}"
        raise DataError(Problem(place, message, did_you_mean(validation.method, SPLITTERS)))
    if isinstance(validation, splitter.section):
        return splitter, validation
    written = validation.model_dump()
    try:
        return splitter, splitter.section.model_validate(written)
    except ValidationError as error:
        message = f"expected options that {validation.method} takes, received {show(written)}"
        raise DataError(Problem(place, message)) from error
