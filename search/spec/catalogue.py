"""What a study file may name: the rooms that exist, told to the reader by those who know them.

`spec` lies below the rooms, so it cannot look them up; `search.preparation.catalogue` assembles the one catalogue
from the techniques, the model families and the data sources, and hands it down.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from search.spec.sections import Validation
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


def _no_hint(text: str) -> str:
    return ""


@dataclass(frozen=True, kw_only=True)
class SourceForm:
    """How a study file writes a kind of data source, and which keys of [data] it has; each source declares its own.

    Args:
        form: As it is shown to users: `csv`, `keras.NAME`, `FILE.py:function`.
        matches: Whether a text of `data.source` is written so.
        needs: Those of `path`, `target` and `options` that it cannot do without.
        takes: Keys of [data] that not all sources have, and it takes beside them, but for a study file's `options`; the
            others are refused.
        options_of: Whose options a study file may give, in words that follow "the functions of": `scikit-learn`; empty
            when it may give none.
        hint: What to write instead of a text that names no source but is nearly this one, as a sentence; empty for
            any other text.
    """

    form: str
    matches: Callable[[str], bool]
    needs: tuple[str, ...] = ()
    takes: tuple[str, ...] = ()
    options_of: str = ""
    hint: Callable[[str], str] = _no_hint

    @property
    def keys(self) -> frozenset[str]:
        """Those keys of [data] that not all sources have which it may be given in Python."""
        return frozenset({*self.needs, *self.takes, *(["options"] if self.options_of else [])})

    @property
    def word(self) -> str:
        """What every text of this form begins with, for the nearest name: `keras`; empty where a file begins it."""
        word = self.form.partition(".")[0]
        return word if self.form in (word, f"{word}.NAME") else ""


def is_name_in(package: str, text: str) -> bool:
    """Whether a text has the form `PACKAGE.NAME`."""
    first, _, name = text.partition(".")
    return first == package and name.isidentifier()


@dataclass(frozen=True)
class Arguments:
    """What a class of Keras takes in a study file.

    Args:
        defaults: Its arguments and their defaults; None for one that may be left out, or a number.
        required: Those that may not be left out.
        refused: Arguments that Keras has and studies do not take, with what to do instead.
    """

    defaults: Mapping[str, Any] = field(default_factory=dict)
    required: tuple[str, ...] = ()
    refused: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Catalogue:
    """Every name that the reader accepts beyond the keys of the sections.

    Args:
        techniques: Technique name to its domain.
        layered: Techniques that may be given per layer, as `LAYER_PATTERN.technique`.
        zero_in_layers: Those of them that take 0 there, which switches off what the layer has of its own.
        families: Model family name to the keys of [model] that it takes.
        optimizers: Names of the optimizers, each with its arguments besides the learning rate.
        schedules: Names of the learning rate's schedules, each with its arguments besides the first learning rate.
        losses: Names of the losses, each with its arguments.
        activations: Names of the activations.
        sources: How each kind of data source is written, in the order in which errors list them.
        metrics: Names of the metrics, in the order in which they are shown.
        splitters: Method of `split.validation` to the class of its table, in the order in which errors list them.
        metric_arguments: Name of a metric to its arguments; metrics without any are absent.
        required_keys: Model family name to those of its keys that a study file may not leave out.
        requires: Technique name to those of which one at least must be on for it to mean anything; techniques
            that stand by themselves are absent.
        layer_arguments: Arguments of layers that may be searched, as `LAYER_PATTERN.argument`.
        missing: Samplers that cannot run in this installation, with the package that each needs.
    """

    techniques: Mapping[str, Domain]
    layered: frozenset[str]
    families: Mapping[str, frozenset[str]]
    optimizers: Mapping[str, Arguments]
    activations: frozenset[str]
    sources: tuple[SourceForm, ...]
    metrics: tuple[str, ...]
    splitters: Mapping[str, type[Validation]]
    schedules: Mapping[str, Arguments] = field(default_factory=dict)
    losses: Mapping[str, Arguments] = field(default_factory=dict)
    zero_in_layers: frozenset[str] = field(default_factory=frozenset)
    metric_arguments: Mapping[str, Arguments] = field(default_factory=dict)
    required_keys: Mapping[str, frozenset[str]] = field(default_factory=dict)
    requires: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    layer_arguments: frozenset[str] = frozenset()
    missing: Mapping[str, str] = field(default_factory=dict)
