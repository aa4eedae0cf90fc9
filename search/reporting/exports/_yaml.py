"""YAML."""

from __future__ import annotations

from search.reporting.exports.chosen import Chosen


def export_yaml(chosen: Chosen) -> str:
    """The choice as one YAML document; numbers read back as numbers in YAML 1.1 and 1.2."""
    import yaml

    return str(yaml.safe_dump(chosen.to_document(), sort_keys=False, allow_unicode=True))
