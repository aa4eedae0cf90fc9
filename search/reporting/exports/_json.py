"""JSON."""

from __future__ import annotations

import json

from search.reporting.exports._base import TextExport
from search.reporting.exports.chosen import Chosen


class JsonExport(TextExport):
    """The choice as one JSON object."""

    name = "json"

    def render(self, chosen: Chosen) -> str:
        """The object, indented."""
        return json.dumps(chosen.to_document(), indent=2, allow_nan=False) + "\n"
