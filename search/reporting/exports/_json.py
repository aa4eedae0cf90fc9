"""JSON."""

from __future__ import annotations

import json

from search.reporting.exports.chosen import Chosen


def export_json(chosen: Chosen) -> str:
    """The choice as one JSON object."""
    return json.dumps(chosen.to_document(), indent=2, allow_nan=False) + "\n"
