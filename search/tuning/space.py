"""[space] as Optuna distributions, and sampled parameters as configurations.

How "off" is represented, and why. A switch that guards a coefficient (sample `l2` only if `l2_on`) makes the
space conditional: Optuna's multivariate TPE then models only the parameters that every trial has and falls back,
silently, to sampling the others one by one. Sampling switch and coefficient always keeps the space fixed, but
fills the model of the coefficient with values that had no effect. Here "off" is a stretch of the coefficient's
own axis instead, beyond the end at which the technique fades out: a penalty or a rate below `low`, a patience
above `high`. Every trial has every parameter, so all samplers stay joint; neighbours on the axis are neighbours
in effect; and the stretch holds `OFF_SHARE` of the axis, so that random search tries "off" as often. What was
sampled there is not a value: configurations, tables and exports show the technique as absent.

A list of choices becomes a categorical whose first choice is "off".

A technique that means nothing without another one (`minimum_delta` without `patience`) is sampled like any other,
so that the space stays the same for every trial; a configuration in which nothing that it requires is on is
without it. Points that differ in nothing else are then one configuration, which is trained once.

Some samplers propose nothing: they walk a list of points that the space gives (`SearchSpace.points`).
"""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
    distribution_to_json,
)

from search.records import Configuration, Parameter, Setting
from search.spec import Catalogue, Choices, Domain, Range, StudySpec, technique_of

OFF = "off"
OFF_SHARE = 0.2
"""Share of a range's axis that means "off"."""

MOST_POINTS = 1_000_000
"""Points that a sampler may walk."""


@dataclass(frozen=True)
class Dimension:
    """One name of [space].

    Args:
        name: As in the study file.
        distribution: What Optuna samples.
        decode: Sampled value to setting; None when it means "off".
        baseline: The sampled value that stands for the baseline.
        points: Every sampled value worth trying once, the baseline's first; None for a continuum.
    """

    name: str
    distribution: BaseDistribution
    decode: Callable[[Any], Setting | None]
    baseline: Any
    points: tuple[Any, ...] | None

    @property
    def on(self) -> tuple[Any, ...]:
        """The points besides the baseline's."""
        return (self.points or ())[1:]


@dataclass(frozen=True)
class SearchSpace:
    """What a study searches.

    Args:
        dimensions: One for each name, in the order of the study file.
        requires: Technique to those of which one at least must be on for it to mean anything, as in `Catalogue`.
        together: Names that an ablation switches on as one, as in `[study] together`.
    """

    dimensions: tuple[Dimension, ...]
    requires: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    together: tuple[tuple[str, ...], ...] = ()

    @property
    def distributions(self) -> dict[str, BaseDistribution]:
        """Parameter name to Optuna distribution."""
        return {dimension.name: dimension.distribution for dimension in self.dimensions}

    def baseline(self) -> dict[str, Any]:
        """The sampled values of the baseline: every technique off, every setting as the file has it."""
        return {dimension.name: dimension.baseline for dimension in self.dimensions}

    def configuration(self, sampled: Mapping[str, Any]) -> Configuration:
        """The effective configuration of sampled values; what is off, or means nothing as it is, is absent."""
        settings = {d.name: d.decode(sampled[d.name]) for d in self.dimensions}
        return Configuration(self._meaningful({name: value for name, value in settings.items() if value is not None}))

    def _meaningful(self, settings: Mapping[str, Setting]) -> Mapping[str, Setting]:
        """The settings without techniques of which nothing that they require is on."""
        on = {technique_of(name) for name in settings}
        idle = {technique for technique, required in self.requires.items() if on.isdisjoint(required)}
        kept = {name: value for name, value in settings.items() if technique_of(name) not in idle}
        return kept if len(kept) == len(settings) else self._meaningful(kept)

    def parameters(self, sampled: Mapping[str, Any]) -> tuple[Parameter, ...]:
        """The sampled values as the storage keeps them."""
        return tuple(
            Parameter(
                dimension.name,
                dimension.distribution.to_internal_repr(sampled[dimension.name]),
                distribution_to_json(dimension.distribution),
            )
            for dimension in self.dimensions
        )

    def sampled(self, parameters: tuple[Parameter, ...]) -> dict[str, Any]:
        """The sampled values that `parameters` made of them."""
        kept = {parameter.name: parameter.internal for parameter in parameters}
        return {d.name: d.distribution.to_external_repr(kept[d.name]) for d in self.dimensions}

    def points(self, sampler: str) -> Iterator[dict[str, Any]] | None:
        """The points that a sampler walks, each once, the baseline first; None for a sampler that proposes."""
        walks = {"grid": self.grid, "ablation": self.ablation}
        return walks[sampler]() if sampler in walks else None

    def count_points(self, sampler: str) -> int | None:
        """The number of `points`, with `MOST_POINTS + 1` for more than `MOST_POINTS`; None without a walk."""
        points = self.points(sampler)
        return None if points is None else sum(1 for _ in itertools.islice(points, MOST_POINTS + 1))

    def grid(self) -> Iterator[dict[str, Any]]:
        """Every combination of every dimension's points; the last dimension turns fastest."""
        names = [dimension.name for dimension in self.dimensions]
        for point in itertools.product(*(dimension.points or () for dimension in self.dimensions)):
            yield dict(zip(names, point, strict=True))

    def ablation(self) -> Iterator[dict[str, Any]]:
        """Nothing; each name alone, at each of its values; then every technique at once, at its first value.

        Names of one group of `together` are alone together, in every combination of their values. A technique comes
        with the first one that it requires, at its first value. A setting differs from the file's when alone only.
        """
        first = {d.name: d.on[0] for d in self.dimensions if d.on and technique_of(d.name) is not None}
        alone = (values for part in self._parts() for values in self._switched_on(part, first))
        seen = set()
        for values in itertools.chain([{}], alone, [first]):
            point = self.baseline() | values
            if (key := tuple(point.values())) not in seen:
                seen.add(key)
                yield point

    def _parts(self) -> list[tuple[Dimension, ...]]:
        """What an ablation switches on as one, in the order of the study file."""
        by_name = {dimension.name: dimension for dimension in self.dimensions}
        groups = {name: group for group in self.together for name in group}
        parts = dict.fromkeys(groups.get(name, (name,)) for name in by_name)
        return [tuple(by_name[name] for name in part) for part in parts]

    def _switched_on(self, part: Sequence[Dimension], first: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """Every combination of the values of one part, with what it requires."""
        companions = self._companions([dimension.name for dimension in part], first)
        for values in itertools.product(*(dimension.on for dimension in part)):
            yield companions | {dimension.name: value for dimension, value in zip(part, values, strict=True)}

    def _companions(self, names: Sequence[str], first: Mapping[str, Any]) -> dict[str, Any]:
        """The first value of the first technique that each of `names` requires, unless one of them is it."""
        found: dict[str, Any] = {}
        for name in names:
            required = self.requires.get(technique_of(name) or "", ())
            if required and {technique_of(other) for other in (*names, *found)}.isdisjoint(required):
                companion = next(other for technique in required for other in first if technique_of(other) == technique)
                found[companion] = first[companion]
        return found


def search_space(spec: StudySpec, catalogue: Catalogue) -> SearchSpace:
    """The space of a validated study."""
    dimensions = []
    for name, entry in spec.space.items():
        technique = technique_of(name)
        if technique is not None:
            dimension = _technique(name, entry, catalogue.techniques[technique])
        else:
            table, _, key = name.partition(".")
            dimension = _setting(name, entry, getattr(getattr(spec, table), key))
        dimensions.append(dimension)
    return SearchSpace(tuple(dimensions), catalogue.requires, spec.study.together or ())


def _technique(name: str, entry: Range | Choices, domain: Domain) -> Dimension:
    if isinstance(entry, Choices):
        choices = (OFF, *(_typed(value, domain) for value in entry.choices if value != OFF))
        distribution = CategoricalDistribution(choices)
        return Dimension(name, distribution, lambda v: None if v == OFF else v, OFF, choices)
    if domain.kind == "int":
        return _with_off_zone(name, _integers(entry), domain.weak)
    return _with_off_zone(name, _reals(entry), domain.weak)


def _typed(value: Any, domain: Domain) -> float | int | str:
    if domain.kind == "choice":
        return str(value)
    return int(value) if domain.kind == "int" else float(value)


def _setting(name: str, entry: Range | Choices, current: Any) -> Dimension:
    if isinstance(entry, Choices):
        encoded = tuple(_encode(value) for value in entry.choices)
        distribution = CategoricalDistribution(encoded)
        first = _encode(current)
        others = (value for value in encoded if value != first)
        return Dimension(name, distribution, _decode, first, (first, *others))
    values = _integers(entry) if isinstance(current, int) else _reals(entry)
    points: tuple[Any, ...] | None = None
    if _is_stepped(values):
        points = (current, *(value for value in _steps(values) if value != current))
    return Dimension(name, values, lambda value: _on_a_step(values, value), current, points)


def _encode(value: Any) -> Any:
    # A categorical of Optuna holds numbers and text; a list of widths travels as JSON text.
    return json.dumps(list(value)) if isinstance(value, list | tuple) else value


def _decode(value: Any) -> Setting:
    if isinstance(value, str) and value.startswith("["):
        return tuple(json.loads(value))
    return value  # type: ignore[no-any-return]  # numbers and text pass through a categorical unchanged


def _reals(entry: Range) -> FloatDistribution:
    low, high = float(entry.low), float(entry.high)
    if entry.step is not None:
        # Optuna wants the span to be a whole number of steps; the last step that fits is the end.
        steps = (Decimal(str(high)) - Decimal(str(low))) // Decimal(str(float(entry.step)))
        high = _rung(FloatDistribution(low, high), int(steps), entry.step)
    return FloatDistribution(low, high, log=entry.log, step=entry.step)


def _integers(entry: Range) -> IntDistribution:
    low, high, step = int(entry.low), int(entry.high), int(entry.step or 1)
    return IntDistribution(low, low + (high - low) // step * step, log=entry.log, step=step)


def _with_off_zone(name: str, values: FloatDistribution | IntDistribution, weak: str) -> Dimension:
    """Lengthen `values` beyond its weak end by a zone that means "off"."""
    below = weak == "low"
    end = _off_end(values, below)
    low, high = (end, values.high) if below else (values.low, end)
    # mypy sees the union of both kinds; an IntDistribution's ends and step are whole, as `_off_end` makes them.
    distribution = type(values)(low, high, log=values.log, step=values.step)  # type: ignore[arg-type]
    baseline = _middle(values, end, below)
    points = (baseline, *_steps(values)) if _is_stepped(values) else None

    def decode(value: float) -> Setting | None:
        on = _on_a_step(values, value)
        off = on < values.low if below else on > values.high
        return None if off else on

    return Dimension(name, distribution, decode, baseline, points)


def _off_end(values: FloatDistribution | IntDistribution, below: bool) -> float:
    ratio = OFF_SHARE / (1 - OFF_SHARE)
    if values.log:
        factor = (values.high / values.low) ** ratio
        end: float = values.low / factor if below else values.high * factor
        if isinstance(values, IntDistribution):
            end = min(math.floor(end), values.low - 1) if below else max(math.ceil(end), values.high + 1)
        return end
    if values.step is not None:
        count = round((values.high - values.low) / values.step) + 1
        extra = max(1, round(count * ratio))
        return _rung(values, -extra if below else count - 1 + extra, values.step)
    width = (values.high - values.low) * ratio
    return values.low - width if below else values.high + width


def _middle(values: FloatDistribution | IntDistribution, end: float, below: bool) -> float:
    edge = values.low if below else values.high
    if isinstance(values, IntDistribution):
        return int(end)
    if values.step is not None:
        return end
    return math.sqrt(edge * end) if values.log else (edge + end) / 2


def _is_stepped(values: FloatDistribution | IntDistribution) -> bool:
    return values.step is not None and not values.log


def _steps(values: FloatDistribution | IntDistribution) -> list[float]:
    step = values.step or 1
    count = round((values.high - values.low) / step) + 1
    return [_rung(values, index, step) for index in range(count)]


def _on_a_step(values: FloatDistribution | IntDistribution, value: float) -> float:
    """The step that `value` means: a sampler adds steps up in binary, and 0.1 + 2 * 0.1 is not 0.3 there."""
    if values.step is None or values.log:
        return value
    return _rung(values, round((value - values.low) / values.step), values.step)


def _rung(values: FloatDistribution | IntDistribution, index: int, step: float) -> float:
    """The value `index` steps above the low end, as decimal arithmetic has it."""
    exact = Decimal(str(values.low)) + index * Decimal(str(step))
    return int(exact) if isinstance(values, IntDistribution) else float(exact)
