"""What a study may be called: the name is part of file names and of commands."""

from __future__ import annotations

import re

from search.errors import Problem, UsageError

STUDY_NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$"
STUDY_NAME_EXPECTED = 'text of 1 to 100 letters, digits, ".", "_" and "-" that begins with a letter or digit'


def check_study_name(name: str, place: str) -> None:
    """Refuse what no study may be called.

    Args:
        name: The name that is asked for.
        place: Where the user gave it, for the message.

    Raises:
        UsageError: It cannot be the name of a study.
    """
    if not re.fullmatch(STUDY_NAME.strip("^$"), name):
        raise UsageError(Problem(place, f"expected {STUDY_NAME_EXPECTED}, received {name!r}"))
