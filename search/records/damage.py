"""What was stored and is not as it was written is told in one sentence, wherever it is read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

from search.errors import PermanentStorageError, Problem

UNREADABLE = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
"""What reading a value raises that is of another kind, lacks a part, or is none at all."""

DAMAGED = "What is stored is damaged; restore a copy, or, of a SQLite file, see `.recover` of the sqlite3 shell."
"""What to do where it is not known what it is stored in."""


@contextmanager
def damage_told(what: str) -> Iterator[None]:
    """Turn what reading a stored value raises inside the block into a `PermanentStorageError`.

    Databases find out about some damage, not about a letter that has become another one.

    Args:
        what: What is read, as in `a verdict`.
    """
    try:
        yield
    except UNREADABLE as error:
        message = f"expected {what} as it was written, received another: {explain(error)}"
        raise PermanentStorageError(str(Problem("storage", message, DAMAGED))) from error


def explain(error: Exception) -> str:
    """What was wrong with a value, on one line without a full stop at its end."""
    said = " ".join(str(error).split()).rstrip(".")
    return f"no {said}" if isinstance(error, LookupError) else said or type(error).__name__


class StoredTable(dict[str, Any]):
    """A table of a study file as it was stored: a key that is looked up and is not there was lost."""

    def __missing__(self, key: str) -> NoReturn:
        with damage_told("a study file"):
            raise KeyError(key)
