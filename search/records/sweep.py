"""One name of a configuration swept over its values, the others as they were chosen."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from search.records.configuration import Configuration
from search.records.damage import damage_told
from search.records.verdict import Difference

SWEEP_KIND = "sweep"
"""The kind of analysis under which the storage keeps it; its key is the name that is swept."""

SWEEP_VERSION = 1
"""The version of the documents that are written now."""


@dataclass(frozen=True)
class Mean:
    """A mean over fresh divisions.

    Args:
        value: The mean.
        standard_error: Corrected for rows that divisions share; None where nothing tells it, as for a single run.
    """

    value: float
    standard_error: float | None = None


@dataclass(frozen=True)
class SweepPoint:
    """The choice with one name set to another value.

    Args:
        value: The value; None where it is off, or as the model brings it.
        is_chosen: Whether it is the value that was chosen.
        score: The study's metric; None where a run failed.
        expected: What it is expected to score where labels are drawn from the reference; None also without one.
        train_loss: The loss, without penalties, of the rows that train, at the weights kept; None where that is not
            known.
        validation_loss: The same for the rows that score.
        difference: By how much it beats the choice, by the labels of the rows; None of the choice itself, and without a
            score.
        weight_norms: Layer to the L2 norm of its kernel, the mean over all runs.
        nonzero_weights: Layer to the share of its kernel that is not next to zero, likewise; empty where runs of an
            earlier version tell nothing of it.
        error: Why a run failed, for people; None where none did.
    """

    value: float | int | None
    is_chosen: bool
    score: Mean | None
    expected: Mean | None = None
    train_loss: Mean | None = None
    validation_loss: Mean | None = None
    difference: Difference | None = None
    weight_norms: Mapping[str, float] = field(default_factory=dict)
    nonzero_weights: Mapping[str, float] = field(default_factory=dict)
    error: str | None = None


@dataclass(frozen=True)
class Sweep:
    """What became of a study's choice as one name took one value after the other.

    Args:
        over: The name.
        trial: The trial that was chosen.
        configuration: Its configuration.
        points: Off first, for a technique, then the values in ascending order, the chosen one among them.
        baseline: The baseline on the same divisions; its value is None.
        constant: What a guess scores on them that is the same for every row; None where that is not known.
        level: Of all intervals, each by itself, in (0, 1).
        repeats: Fresh divisions that each was scored on.
        scores_other_rows: Whether they score other rows than the search, run by run; else seeds alone are fresh.
        asked_values: The values that were asked for.
        asked_repeats: Fresh divisions that were asked for.
        version: The version of the document that this was read from.
    """

    over: str
    trial: int
    configuration: Configuration
    points: tuple[SweepPoint, ...]
    baseline: SweepPoint
    constant: float | None
    level: float
    repeats: int
    scores_other_rows: bool
    asked_values: tuple[float | int, ...]
    asked_repeats: int
    version: int = SWEEP_VERSION

    def to_json(self) -> dict[str, Any]:
        """The sweep as JSON-ready values; `from_json` gives the same sweep back."""
        return {
            **vars(self),
            "configuration": dict(self.configuration),
            "points": [_point_json(point) for point in self.points],
            "baseline": _point_json(self.baseline),
            "asked_values": list(self.asked_values),
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Sweep:
        """The sweep that `to_json` wrote.

        Raises:
            ValueError: The document is of a version that we do not know.
        """
        if document.get("version") != SWEEP_VERSION:
            received = document.get("version")
            raise ValueError(f"expected a sweep of version {SWEEP_VERSION}, received version {received!r}")
        with damage_told("a sweep"):
            return cls(
                **{
                    **document,
                    "configuration": Configuration(document["configuration"]),
                    "points": tuple(_point(point) for point in document["points"]),
                    "baseline": _point(document["baseline"]),
                    "asked_values": tuple(document["asked_values"]),
                }
            )


_MEANS = ("score", "expected", "train_loss", "validation_loss")


def _point_json(point: SweepPoint) -> dict[str, Any]:
    nested = {name: getattr(point, name) for name in (*_MEANS, "difference")}
    told = {name: None if value is None else dataclasses.asdict(value) for name, value in nested.items()}
    layers = {"weight_norms": dict(point.weight_norms), "nonzero_weights": dict(point.nonzero_weights)}
    return {**vars(point), **told, **layers}


def _point(document: Mapping[str, Any]) -> SweepPoint:
    means = {name: None if document[name] is None else Mean(**document[name]) for name in _MEANS}
    difference = None if document["difference"] is None else Difference(**document["difference"])
    return SweepPoint(**{**document, **means, "difference": difference})
