"""Dates in text: in which format they are written, and what they are."""

from __future__ import annotations

import functools
import itertools
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

ISO = "ISO8601"
"""pandas' word for `2024-10-08`, with or without a time behind it."""

_DAYS = (
    *("%d.%m.%Y", "%d/%m/%Y", "%d-%m-%Y", "%m/%d/%Y", "%m-%d-%Y", "%Y/%m/%d", "%Y.%m.%d", "%Y-%m-%d"),
    *("%d %b %Y", "%d-%b-%Y", "%b %d, %Y", "%d %B %Y", "%B %d, %Y", "%a, %d %b %Y"),
    *("%d.%m.%y", "%d/%m/%y", "%m/%d/%y", "%d %b %y", "%d-%b-%y"),
)
_TIMES = ("", " %H:%M", " %H:%M:%S", " %H:%M:%S.%f", " %I:%M %p", " %I:%M:%S %p")
_IN_UTC = ("%Y-%m-%d %H:%M:%S UTC", "%Y-%m-%d %H:%M:%S.%f UTC")  # as BigQuery writes them
_MONTHS = ("%b %Y", "%b-%Y", "%B %Y", "%b-%y", "%m/%Y")
FORMATS = (ISO, *(f"{day}{time}" for day, time in itertools.product(_DAYS, _TIMES)), *_IN_UTC, *_MONTHS)
"""The formats that are recognized, as `datetime.strptime` writes them."""

_LETTERS = r"[^\W\d_]+\.?"
_PATTERNS = {
    **dict.fromkeys(("%d", "%m", "%H", "%I", "%M", "%S"), r"\d\d?"),
    **{"%Y": r"\d{4}", "%y": r"\d\d", "%f": r"\d+", "%b": _LETTERS, "%B": _LETTERS, "%a": _LETTERS, "%p": _LETTERS},
}


def find_formats(cells: Sequence[str]) -> list[str]:
    """The formats in which every one of some texts is a date: none for other text, several where day and month can be
    taken for each other."""
    texts = sorted(set(cells))
    if not texts or not all(any(mark.isdigit() for mark in text) for text in texts[:100]):
        return []
    found = dict[tuple[str, ...], str]()
    for known in FORMATS:
        # "2024/05/31" is of ISO 8601 for pandas, "May 31, 2024" has a name that is an abbreviation: all the same date.
        order = _order(known)
        if order not in found and _shape(known).fullmatch(texts[0]) and _fits(texts, known):
            found[order] = known
    return list(found.values())


def has_short_years(date_format: str) -> bool:
    """Whether years are written with two digits, which `datetime.strptime` takes for 1969 to 2068."""
    return "%y" in date_format


def closest_format(cells: Sequence[str]) -> str | None:
    """The format that most of some texts have, half of them at least; None where there is none."""
    texts = sorted(set(cells))
    shaped = [known for known in FORMATS if 2 * sum(map(bool, map(_shape(known).fullmatch, texts))) >= len(texts)]
    fitting = {known: int((~np.isnat(read_dates(texts, known))).sum()) for known in shaped}
    best = max(shaped, key=lambda known: fitting[known], default=None)
    return best if best is not None and 2 * fitting[best] >= len(texts) else None


def read_dates(cells: Sequence[str | None], date_format: str) -> npt.NDArray[np.datetime64]:
    """Texts as dates, `datetime64[us]`, shape (n,): NaT where one is missing or is no such date.

    A time zone is taken off once the time is in UTC.

    Args:
        cells: Shape (n,).
        date_format: One of `FORMATS`, or another as `datetime.strptime` takes it.
    """
    import pandas as pd

    texts = pd.Series(list(cells), dtype=object)
    if date_format == ISO:
        # A bare year would be one, too: a number, which is no date by itself.
        texts = texts.where(texts.str.len() > 4)
    read = pd.to_datetime(texts, format=date_format, errors="coerce", utc=True)
    moments: npt.NDArray[Any] = read.dt.tz_localize(None).to_numpy("datetime64[us]")
    return moments


@functools.cache
def _shape(date_format: str) -> re.Pattern[str]:
    """What texts of a format look like: far faster than reading a date in each."""
    if date_format == ISO:
        return re.compile(r"\d{4}.*", re.DOTALL)
    parts = re.split(r"(%.|\s+)", date_format)
    shape = (r"\s+" if part.isspace() else _PATTERNS.get(part, re.escape(part)) for part in parts)
    return re.compile("".join(shape))


@functools.cache
def _order(date_format: str) -> tuple[str, ...]:
    """In which order day, month and year stand."""
    if date_format == ISO:
        return ("y", "m", "d")
    return tuple(part.lower().replace("b", "m") for part in re.findall(r"%([dmbByY])", date_format))


def _fits(texts: Sequence[str], date_format: str) -> bool:
    return not np.isnat(read_dates(texts, date_format)).any()
