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
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from optuna.distributions import BaseDistribution

from search.records import Configuration, Parameter, Setting, Trial
from search.spec import Catalogue, StudySpec, technique_of
from search.tuning.dimensions import Dimension, setting_dimension, technique_dimension

MOST_POINTS = 1_000_000
"""Points that a sampler may walk."""


@dataclass(frozen=True)
class SearchSpace:
    """What a study searches.

    Args:
        dimensions: One for each name, in the order of the study file.
        requires: Technique to those of which one at least must be on for it to mean anything, as in `Catalogue`.
        together: Names that an ablation switches on as one, as in `[study] together`.
        earlier: Ranges of before they became wider, in which earlier trials were asked.
    """

    dimensions: tuple[Dimension, ...]
    requires: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    together: tuple[tuple[str, ...], ...] = ()
    earlier: tuple[Dimension, ...] = ()

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

    def without(self, configuration: Configuration, name: str) -> Configuration:
        """A configuration with a technique switched off, or a setting as the file has it.

        What means nothing any more goes with a technique.
        """
        baseline = self.configuration(self.baseline())
        settings = {key: value for key, value in configuration.items() if key != name}
        settings |= {key: value for key, value in baseline.items() if key == name}
        return Configuration(self._meaningful(settings))

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
                dimension.distribution_json,
            )
            for dimension in self.dimensions
        )

    def sampled(self, trial: Trial) -> dict[str, Any]:
        """The sampled values of a trial that was asked here, or before a range became wider.

        On the axis of a wider range "off" lies elsewhere, so that what was sampled then would mean something else: such
        a value is found again by what it meant.
        """
        kept = {parameter.name: parameter for parameter in trial.parameters}
        return {d.name: self._on_axis(d, kept[d.name], trial.configuration) for d in self.dimensions}

    def _on_axis(self, dimension: Dimension, parameter: Parameter, configuration: Configuration) -> Any:
        if dimension.is_of(parameter):
            return dimension.sampled(parameter)
        was = next((each for each in self.earlier if each.name == dimension.name and each.is_of(parameter)), None)
        # The configuration says it too, but of a technique that meant nothing without another one.
        setting = configuration.get(dimension.name) if was is None else was.decode(was.sampled(parameter))
        return dimension.encode(setting)

    def is_of(self, trial: Trial) -> bool:
        """Whether a trial was asked in this very space."""
        kept = {parameter.name: parameter for parameter in trial.parameters}
        return all(dimension.name in kept and dimension.is_of(kept[dimension.name]) for dimension in self.dimensions)

    def unlike(self, other: SearchSpace) -> list[str]:
        """Names that both search as numbers of another kind: Optuna keeps the kind of a parameter all along."""
        theirs = {dimension.name: type(dimension.distribution) for dimension in other.dimensions}
        return [d.name for d in self.dimensions if theirs.get(d.name, type(d.distribution)) is not type(d.distribution)]

    def points(self, sampler: str) -> Iterator[dict[str, Any]] | None:
        """The points that a sampler walks, each once, the baseline first; None for a sampler that proposes."""
        walks = {"grid": self.grid, "ablation": self.ablation}
        return walks[sampler]() if sampler in walks else None

    def count_points(self, sampler: str) -> int | None:
        """The number of `points`, with `MOST_POINTS + 1` for more than `MOST_POINTS`; None without a walk."""
        if sampler == "grid":
            return min(math.prod(dimension.n_points for dimension in self.dimensions), MOST_POINTS + 1)
        points = self.points(sampler)
        return None if points is None else sum(1 for _ in itertools.islice(points, MOST_POINTS + 1))

    def grid(self) -> Iterator[dict[str, Any]]:
        """Every combination of every dimension's points; the last dimension turns fastest."""
        return _combinations([(dimension.name, dimension.points) for dimension in self.dimensions])

    def ablation(self) -> Iterator[dict[str, Any]]:
        """Nothing; each name alone, at each of its values; then every technique at once, at its first value.

        Names of one group of `together` are alone together, in every combination of their values. A technique comes
        with the first one that it requires, at its first value. A setting differs from the file's when alone only, or
        in its group.
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
        for values in _combinations([(dimension.name, dimension.others) for dimension in part]):
            yield companions | values

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
            dimension = technique_dimension(name, entry, catalogue.techniques[technique])
        else:
            dimension = setting_dimension(name, entry, spec.setting(name))
        dimensions.append(dimension)
    return SearchSpace(tuple(dimensions), catalogue.requires, spec.study.together or ())


def _combinations(axes: Sequence[tuple[str, Callable[[], Iterator[Any]]]]) -> Iterator[dict[str, Any]]:
    """Every combination of values by name, the last one turning fastest; no axis is held in memory as a whole."""
    if not axes:
        yield {}
        return
    (name, values), *rest = axes
    for value in values():
        for others in _combinations(rest):
            yield {name: value} | others
