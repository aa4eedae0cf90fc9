"""TOML."""

from __future__ import annotations

from search.reporting.exports._base import TextExport
from search.reporting.exports.chosen import Chosen


class TomlExport(TextExport):
    """The choice as a TOML document."""

    name = "toml"

    def render(self, chosen: Chosen) -> str:
        """The document."""
        import tomlkit

        return tomlkit.dumps(chosen.to_document())
