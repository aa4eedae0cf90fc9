"""Shares of units that are left out, or how loud the noise in their place is."""

from __future__ import annotations

from search.spec.catalogue import Domain


def rate(meaning: str, source: str) -> Domain:
    """The values of a rate: above 0 and below 1."""
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
