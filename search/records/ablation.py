"""What each part of a choice is worth: the choice against itself with that part taken out."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from search.records.configuration import Configuration
from search.records.damage import damage_told
from search.records.trial import Trial
from search.records.verdict import Difference

ABLATION_KIND = "ablation"
"""The kind of analysis under which the storage keeps it."""

ABLATION_VERSION = 1
"""The version of the documents that are written now."""


@dataclass(frozen=True)
class Removal:
    """The choice with a part of it taken out.

    Args:
        names: The techniques that were switched off and the settings that were put back to what the study's file says:
            the part itself first, then what means nothing without it.
        configuration: What is left.
        score: Mean over all divisions; None where a run failed.
        expected: Mean of what it is expected to score where labels are drawn from the reference, likewise; None also
            where there is no reference.
        difference: By how much the choice beats it, by the labels of the rows; None without a score.
        expected_difference: The same for expected scores.
        train_loss: Mean loss, without penalties, of the rows that train, at the weights kept; None where that is not
            known.
        error: Why a run failed, for people; None where none did.
    """

    names: tuple[str, ...]
    configuration: Configuration
    score: float | None
    expected: float | None = None
    difference: Difference | None = None
    expected_difference: Difference | None = None
    train_loss: float | None = None
    error: str | None = None

    @property
    def worth(self) -> Difference | None:
        """What the part is worth as well as that is known: by expected scores, or else by the labels."""
        return self.expected_difference or self.difference


@dataclass(frozen=True)
class Ablation:
    """What each part of the choice of a study is worth.

    Args:
        trial: The trial that was chosen.
        whole: The choice itself, nothing taken out; it has no differences.
        parts: Each of its parts taken out in turn, in the order of [space].
        everything: All of them at once, which is the baseline; None where one part is all there is.
        level: Of all intervals, each by itself, in (0, 1).
        repeats: Fresh divisions that each was scored on.
        scores_other_rows: Whether they score other rows than the search, run by run; else seeds alone are fresh.
        asked_repeats: Fresh divisions that were asked for.
        version: The version of the document that this was read from.
    """

    trial: int
    whole: Removal
    parts: tuple[Removal, ...]
    everything: Removal | None
    level: float
    repeats: int
    scores_other_rows: bool
    asked_repeats: int
    version: int = ABLATION_VERSION

    def is_of(self, chosen: Trial) -> bool:
        """Whether it is of this choice."""
        return (self.trial, self.whole.configuration) == (chosen.number, chosen.configuration)

    def to_json(self) -> dict[str, Any]:
        """The ablation as JSON-ready values; `from_json` gives the same ablation back."""
        return {
            **vars(self),
            "whole": _removal_json(self.whole),
            "parts": [_removal_json(each) for each in self.parts],
            "everything": None if self.everything is None else _removal_json(self.everything),
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Ablation:
        """The ablation that `to_json` wrote.

        Raises:
            ValueError: The document is of a version that we do not know.
        """
        if document.get("version") != ABLATION_VERSION:
            received = document.get("version")
            raise ValueError(f"expected an ablation of version {ABLATION_VERSION}, received version {received!r}")
        with damage_told("an ablation"):
            return cls(
                **{
                    **document,
                    "whole": _removal(document["whole"]),
                    "parts": tuple(_removal(each) for each in document["parts"]),
                    "everything": None if document["everything"] is None else _removal(document["everything"]),
                }
            )


def _removal_json(removal: Removal) -> dict[str, Any]:
    differences = {
        name: None if value is None else dataclasses.asdict(value)
        for name, value in vars(removal).items()
        if name in ("difference", "expected_difference")
    }
    configuration = dict(removal.configuration)
    return {**vars(removal), **differences, "names": list(removal.names), "configuration": configuration}


def _removal(document: Mapping[str, Any]) -> Removal:
    differences = {
        name: None if document[name] is None else Difference(**document[name])
        for name in ("difference", "expected_difference")
    }
    configuration = Configuration(document["configuration"])
    return Removal(**{**document, **differences, "names": tuple(document["names"]), "configuration": configuration})
