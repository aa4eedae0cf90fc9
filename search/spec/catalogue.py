"""What a study file may name: the rooms that exist, told to the reader by those who know them.

`spec` lies below the rooms, so it cannot look them up; `search.preparation.catalogue` assembles the one catalogue
from the techniques, the model families and the data sources, and hands it down.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from search.spec.wording import quoted


@dataclass(frozen=True, kw_only=True)
class Domain:
    """The values that a technique's parameter may take, and where "off" lies.

    Args:
        kind: `float` or `int`; or `choice`, a technique whose values are texts.
        meaning: What the parameter is, with its unit, for help texts.
        source: The paper or documentation that the technique follows.
        low: Smallest number that makes sense; `low_open` excludes it.
        high: Largest number that makes sense; `high_open` excludes it.
        low_open: Whether `low` itself is refused.
        high_open: Whether `high` itself is refused.
        weak: The end of a range at which the technique fades out, next to which "off" lies: `low` for a
            coefficient or a rate, `high` for a patience.
        names: The texts of a `choice`; empty for numbers. "off" is not among them.

    Raises:
        ValueError: A choice without names, or names without a choice.
    """

    kind: Literal["float", "int", "choice"]
    meaning: str
    source: str
    low: float = 0.0
    high: float = float("inf")
    low_open: bool = False
    high_open: bool = False
    weak: Literal["low", "high"] = "low"
    names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if (self.kind == "choice") != bool(self.names):
            raise ValueError(f"expected names for a choice and none for numbers, received {self.kind}, {self.names}")

    def contains(self, value: float | str) -> bool:
        """Whether `value` is one that makes sense."""
        if isinstance(value, str) or self.kind == "choice":
            return value in self.names
        above = value > self.low if self.low_open else value >= self.low
        below = value < self.high if self.high_open else value <= self.high
        return above and below and (self.kind == "float" or float(value).is_integer())

    def number(self, value: float | str) -> float:
        """What a compiled program is given: the number itself, or for a text its place in `names`, from 1.

        Raises:
            ValueError: The text is none of `names`.
        """
        return float(self.names.index(value) + 1 if isinstance(value, str) else value)

    def describe(self) -> str:
        """The domain in words for an error: `a number above 0 and below 1`."""
        if self.kind == "choice":
            return quoted(self.names)
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
        metrics: Names of the metrics, in the order in which they are shown.
        requires: Technique name to those of which one at least must be on for it to mean anything; techniques
            that stand by themselves are absent.
        later: Dotted places (`confirm.finalists`) that the contract names and no room provides yet: they hold
            their defaults.
    """

    techniques: Mapping[str, Domain]
    layered: frozenset[str]
    families: Mapping[str, frozenset[str]]
    optimizers: frozenset[str]
    activations: frozenset[str]
    metrics: tuple[str, ...]
    requires: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    later: frozenset[str] = field(default_factory=frozenset)
