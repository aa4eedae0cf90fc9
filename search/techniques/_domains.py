"""Values that many techniques share."""

from __future__ import annotations

from typing import Literal

from search.spec.catalogue import Domain


def positive(meaning: str, source: str, weak: Literal["low", "high"] = "low") -> Domain:
    """A number above 0: a coefficient, a weight, a norm."""
    return Domain(kind="float", low=0.0, low_open=True, high=1e3, weak=weak, meaning=meaning, source=source)


def rate(meaning: str, source: str) -> Domain:
    """A share above 0 and below 1: of units that are left out, of averages that are kept."""
    return Domain(
        kind="float",
        low=0.0,
        low_open=True,
        high=1.0,
        high_open=True,
        weak="low",
        meaning=meaning,
        source=source,
    )
