"""What to do about a choice, as it was told when the choice was made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from search.records.damage import damage_told

ADVICE_KIND = "advice"
"""The kind of analysis under which the storage keeps it."""


@dataclass(frozen=True)
class Advice:
    """What to do about the choice of a study.

    Args:
        n_trials: Trials that had ended.
        chosen: The trial that was chosen.
        told: One text each; empty where nothing is odd.
    """

    n_trials: int
    chosen: int
    told: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """The advice as JSON-ready values; `from_json` gives the same advice back."""
        return {**vars(self), "told": list(self.told)}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Advice:
        """The advice that `to_json` wrote."""
        with damage_told("advice"):
            return cls(document["n_trials"], document["chosen"], tuple(document["told"]))
