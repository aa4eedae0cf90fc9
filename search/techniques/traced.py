"""Keras objects that stand in for Keras' own where an argument may be a tensor: those of all techniques."""

from __future__ import annotations

from collections.abc import Mapping


def traced_classes() -> Mapping[str, type]:
    """Classes by the path, below `keras`, of the class that each stands in for."""
    from search.techniques import TECHNIQUES  # which imports this module's package

    return {path: known for technique in TECHNIQUES.values() for path, known in technique.stand_ins().items()}


def general_paths() -> frozenset[str]:
    """Those paths whose classes may stand in for the user's own layers too; see `Technique.general`."""
    from search.techniques import TECHNIQUES

    return frozenset(path for technique in TECHNIQUES.values() if technique.general for path in technique.stand_ins())
