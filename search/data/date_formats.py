"""Dates in text: in which format they are written, and what they are."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

ISO = "ISO8601"
"""pandas' word for `2024-10-08`, with or without a time behind it."""

_DAYS = (
    *("%d.%m.%Y", "%d/%m/%Y", "%d-%m-%Y", "%m/%d/%Y", "%m-%d-%Y", "%Y/%m/%d", "%Y.%m.%d"),
    *("%d %b %Y", "%d-%b-%Y", "%b %d, %Y", "%d %B %Y", "%B %d, %Y"),
)
_TIMES = ("", " %H:%M", " %H:%M:%S")
FORMATS = (ISO, *(f"{day}{time}" for day, time in itertools.product(_DAYS, _TIMES)))
"""The formats that are recognized, as `datetime.strptime` writes them."""


def find_formats(cells: Sequence[str]) -> list[str]:
    """The formats in which every one of some texts is a date: none for other text, several where day and month can be
    taken for each other."""
    texts = sorted(set(cells))
    if not texts or not all(any(mark.isdigit() for mark in text) for text in texts[:100]):
        return []
    return [known for known in FORMATS if _fits(texts[:1], known) and _fits(texts, known)]


def closest_format(cells: Sequence[str]) -> str | None:
    """The format that most of some texts have, half of them at least; None where there is none."""
    texts = sorted(set(cells))
    fitting = {known: int((~np.isnat(read_dates(texts, known))).sum()) for known in FORMATS}
    best = max(FORMATS, key=lambda known: fitting[known])
    return best if 2 * fitting[best] >= len(texts) else None


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


def _fits(texts: Sequence[str], date_format: str) -> bool:
    return not np.isnat(read_dates(texts, date_format)).any()
