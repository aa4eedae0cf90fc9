"""TOML."""

from __future__ import annotations

from pathlib import Path

from search.reporting.exports._base import TextExport
from search.reporting.exports.chosen import Chosen
from search.reporting.exports.study_file import fixed_study_toml


class TomlExport(TextExport):
    """The choice as a study file, which compares it with the baseline once more."""

    name = "toml"
    help = "a study file that runs baseline and choice, here or elsewhere"

    def render(self, chosen: Chosen) -> str:
        """The study file, with paths from the current folder."""
        return self.render_in(chosen, Path())

    def render_in(self, chosen: Chosen, folder: Path) -> str:
        """The study file, with paths from a folder."""
        return fixed_study_toml(chosen, folder)
