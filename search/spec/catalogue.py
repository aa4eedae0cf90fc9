"""What a study file may name: the rooms that exist, told to the reader by those who know them.

`spec` lies below the rooms, so it cannot look them up; `search.tuning.catalogue` assembles the one catalogue
from the techniques, the model families and the data sources, and hands it down.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True)
class Domain:
    """The values that a technique's parameter may take, and where "off" lies.

    Args:
        kind: `float` or `int`.
        low: Smallest value that makes sense; `low_open` excludes it.
        high: Largest value that makes sense; `high_open` excludes it.
        low_open: Whether `low` itself is refused.
        high_open: Whether `high` itself is refused.
        weak: The end of a range at which the technique fades out, next to which "off" lies: `low` for a
            coefficient or a rate, `high` for a patience.
        meaning: What the parameter is, with its unit, for help texts.
        source: The paper or documentation that the technique follows.
    """

    kind: Literal["float", "int"]
    low: float
    high: float
    weak: Literal["low", "high"]
    meaning: str
    source: str
    low_open: bool = False
    high_open: bool = False

    def contains(self, value: float) -> bool:
        """Whether `value` is one that makes sense."""
        above = value > self.low if self.low_open else value >= self.low
        below = value < self.high if self.high_open else value <= self.high
        return above and below and (self.kind == "float" or float(value).is_integer())

    def describe(self) -> str:
        """The domain in words for an error: `a number with 0 < l2 ...` without the name."""
        noun = "a whole number" if self.kind == "int" else "a number"
        left = f"{'above' if self.low_open else 'of at least'} {self.low:g}"
        if self.high == float("inf"):
            return f"{noun} {left}"
        return f"{noun} {left} and {'below' if self.high_open else 'at most'} {self.high:g}"


@dataclass(frozen=True)
class Catalogue:
    """Every name that the reader accepts beyond the keys of the sections.

    Args:
        techniques: Technique name to its domain.
        layered: Techniques that may be given per layer, as `LAYER_PATTERN.technique`.
        families: Model family name to the keys of [model] that it takes.
        optimizers: Names of the optimizers.
        activations: Names of the activations.
        later: Dotted place and value (`study.pruner = median`, `space.dropconnect`, `model.family = cnn`) or
            just a place (`model.builder`) of what the contract names and no room provides yet.
    """

    techniques: Mapping[str, Domain]
    layered: frozenset[str]
    families: Mapping[str, frozenset[str]]
    optimizers: frozenset[str]
    activations: frozenset[str]
    later: frozenset[str] = field(default_factory=frozenset)
