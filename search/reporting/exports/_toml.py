"""TOML."""

from __future__ import annotations

from search.reporting.exports.chosen import Chosen


def export_toml(chosen: Chosen) -> str:
    """The choice as a TOML document."""
    import tomlkit

    return tomlkit.dumps(chosen.to_document())
