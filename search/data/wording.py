"""Phrases that the errors of this package share."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Sequence

from search.errors import Problem


def quote(text: object) -> str:
    """Text in double quotes on one line: line breaks and control characters are escaped."""
    return json.dumps(str(text), ensure_ascii=False)


def quote_names(names: Iterable[object], limit: int = 6) -> str:
    """Names in quotes, `"a", "b" and 4 more`."""
    known = [quote(name) for name in names]
    if len(known) <= limit:
        return ", ".join(known)
    return f"{', '.join(known[:limit])} and {len(known) - limit} more"


def suggest_name(name: str, known: Sequence[str]) -> str:
    """`Did you mean "x"?`, or every known name when none is near; empty when none is known."""
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    if near:
        return f"Did you mean {quote(near[0])}?"
    return f"Known are {quote_names(known, limit=20)}." if known else ""


def keep_first(problems: Sequence[Problem], limit: int = 20) -> list[Problem]:
    """The first `limit` problems, and one line that counts the others."""
    if len(problems) <= limit:
        return list(problems)
    rest = len(problems) - limit
    return [*problems[:limit], Problem(problems[limit].place, f"and {rest} more problems from here on")]


def count(number: int, noun: str) -> str:
    """`1 row`, `1,200 rows`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
