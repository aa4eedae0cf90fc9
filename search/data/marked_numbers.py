"""Numbers that are written with more than digits, so that they are read as text: `$5.50`, `12%`, `1,234`."""

from __future__ import annotations

import re
from collections.abc import Iterable

_NUMBER = re.compile(r"[+-]?[$€£¥]? ?[+-]?(?:\d{1,3}(?:,\d{3})+|\d{1,3}(?:\.\d{3})+|\d+)(?:[.,]\d+)? ?[%$€£¥]?")


def find_marked_number(texts: Iterable[str]) -> str | None:
    """One of some texts of which all are numbers, some of them with a currency, a percent sign or marks of thousands;
    None for other texts."""
    different = sorted(set(texts))
    if len(different) < 2 or not all(map(_NUMBER.fullmatch, different)):
        return None
    return next((text for text in different if not text.isdecimal()), None)
