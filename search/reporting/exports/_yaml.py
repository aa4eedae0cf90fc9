"""YAML."""

from __future__ import annotations

from search.reporting.exports._base import TextExport
from search.reporting.exports.chosen import Chosen


class YamlExport(TextExport):
    """The choice as one YAML document."""

    name = "yaml"

    def render(self, chosen: Chosen) -> str:
        """The document; numbers read back as numbers in YAML 1.1 and 1.2."""
        import yaml

        return str(yaml.safe_dump(chosen.to_document(), sort_keys=False, allow_unicode=True))
