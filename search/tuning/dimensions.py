"""One name of [space] as an Optuna distribution, with what its sampled values mean.

The "off" of a technique is a stretch of its own axis, beyond the end at which it fades out (`search.tuning.space` says
why). Two axes have no room there, and are sampled as another one:

- Whole numbers on a logarithmic axis end at 1. Where the stretch would reach below, reals are sampled, and rounded:
  the number n is what lies between n - 0.5 and n + 0.5, as Optuna itself has it, and "off" is what lies lower.
- The numbers of a range may stand so near to each other that a fifth of it is less than the distance of two doubles.
  "Off" is then the next double.

Where even that does not help, as below the smallest double, `search.spec` has refused the range.
"""

from __future__ import annotations

import functools
import json
import math
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
    distribution_to_json,
    json_to_distribution,
)

from search.records import Parameter, Setting, damage_told
from search.spec import OFF, OFF_SHARE, Choices, Domain, Range

Numbers = FloatDistribution | IntDistribution

AS_GIVEN = "as given"
"""What is sampled where each layer keeps its own value of an argument."""

_RATIO = OFF_SHARE / (1 - OFF_SHARE)
"""The length of the "off" stretch, in lengths of the range itself."""


@dataclass(frozen=True)
class Dimension:
    """One name of [space].

    Args:
        name: As in the study file.
        distribution: What Optuna samples.
        decode: Sampled value to setting; None when it means "off".
        encode: A sampled value that decodes to a setting; None for "off".
        baseline: The sampled value that stands for the baseline.
        on: Every other sampled value worth trying once; None for a continuum.
    """

    name: str
    distribution: BaseDistribution
    decode: Callable[[Any], Setting | None]
    encode: Callable[[Setting | None], Any]
    baseline: Any
    on: Sequence[Any] | None

    @functools.cached_property
    def distribution_json(self) -> str:
        """The distribution as the storage keeps it."""
        return distribution_to_json(self.distribution)

    def is_of(self, parameter: Parameter) -> bool:
        """Whether a parameter was sampled from this very distribution."""
        stored = parameter.distribution
        return stored == self.distribution_json or _distribution_of(stored) == self.distribution

    def sampled(self, parameter: Parameter) -> Any:
        """The sampled value of a parameter that was sampled from this distribution."""
        return self.distribution.to_external_repr(parameter.internal)

    @property
    def n_points(self) -> int:
        """The number of `points`."""
        return 0 if self.on is None else 1 + len(self.on)

    def points(self) -> Iterator[Any]:
        """Every sampled value worth trying once, the baseline's first; none for a continuum."""
        if self.on is not None:
            yield self.baseline
            yield from self.on

    def others(self) -> Iterator[Any]:
        """The points besides the baseline's."""
        yield from self.on or ()


def technique_dimension(name: str, entry: Range | Choices, domain: Domain) -> Dimension:
    """A technique, which can be off.

    Args:
        name: As in the study file.
        entry: The values to search, as the study file was found to be valid.
        domain: The technique's.
    """
    if isinstance(entry, Choices):
        choices = tuple(_typed(value, domain) for value in entry.choices if value != OFF)
        return Dimension(
            name,
            CategoricalDistribution((OFF, *choices)),
            lambda v: None if v == OFF else v,
            lambda setting: OFF if setting is None else setting,
            OFF,
            choices,
        )
    values = _integers(entry) if domain.kind == "int" else _reals(entry)
    below = domain.weak == "low"
    if isinstance(values, IntDistribution) and values.log and below and _log_end(values, below) < 1:
        return _rounded(name, values)
    return _with_off_stretch(name, values, below)


def setting_dimension(name: str, entry: Range | Choices, current: Any) -> Dimension:
    """A setting of another table, of which `current` is the baseline's value; None where that is one for each layer."""
    if isinstance(entry, Choices):
        encoded = tuple(_encode(value) for value in entry.choices)
        if current is None:
            given = CategoricalDistribution((AS_GIVEN, *encoded))
            return Dimension(name, given, _decode_given, _encode_given, AS_GIVEN, encoded)
        first = _encode(current)
        others = tuple(value for value in encoded if value != first)
        return Dimension(name, CategoricalDistribution(encoded), _decode, _encode, first, others)
    values = _integers(entry) if isinstance(current, int) else _reals(entry, needed=current)
    on = _Steps(values, skipped=_index(values, current)) if _is_stepped(values) else None
    return Dimension(name, values, lambda value: _on_a_step(values, value), lambda setting: setting, current, on)


@functools.lru_cache(maxsize=256)
def _distribution_of(stored: str) -> BaseDistribution:
    with damage_told("a distribution"):
        return json_to_distribution(stored)


def _typed(value: Any, domain: Domain) -> float | int | str:
    if domain.kind == "choice":
        return str(value)
    return int(value) if domain.kind == "int" else float(value)


def _encode(value: Any) -> Any:
    # A categorical of Optuna holds numbers and text; a list of widths travels as JSON text.
    return json.dumps(list(value)) if isinstance(value, list | tuple) else value


def _decode(value: Any) -> Setting:
    if isinstance(value, str) and value.startswith("["):
        return tuple(json.loads(value))
    return value  # type: ignore[no-any-return]  # numbers and text pass through a categorical unchanged


def _decode_given(value: Any) -> Setting | None:
    return None if value == AS_GIVEN else _decode(value)


def _encode_given(value: Setting | None) -> Any:
    return AS_GIVEN if value is None else _encode(value)


def _reals(entry: Range, needed: float | None = None) -> FloatDistribution:
    low, high = float(entry.low), float(entry.high)
    if entry.step is None:
        return FloatDistribution(low, high, log=entry.log)
    # Optuna wants the span to be a whole number of steps; the last step that fits is the end.
    steps = (Decimal(str(high)) - Decimal(str(low))) // Decimal(str(float(entry.step)))
    return _stepped_reals(low, _rung(FloatDistribution(low, high), int(steps), entry.step), float(entry.step), needed)


def _stepped_reals(low: float, high: float, step: float, needed: float | None) -> FloatDistribution:
    """Reals in steps, up to `needed` at least.

    Where the digits of `low` and `step` are too many for a double, the high end is not a whole number of steps to
    Optuna, which takes the step below it, and warns. That is left as it is, for studies that go on, but where the step
    is needed: half a step more makes it the end.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The distribution is specified by", category=UserWarning)
        distribution = FloatDistribution(low, high, step=step)
        if (
            needed is not None
            and distribution.high < needed
            and _index(distribution, needed) > _index(distribution, distribution.high)
        ):
            distribution = FloatDistribution(low, high + step / 2, step=step)
    return distribution


def _integers(entry: Range) -> IntDistribution:
    low, high, step = int(entry.low), int(entry.high), int(entry.step or 1)
    return IntDistribution(low, low + (high - low) // step * step, log=entry.log, step=step)


def _with_off_stretch(name: str, values: Numbers, below: bool) -> Dimension:
    """Lengthen `values` beyond its weak end by a stretch that means "off"."""
    end = _off_end(values, below)
    low, high = (end, values.high) if below else (values.low, end)
    distribution: Numbers
    if isinstance(values, IntDistribution):
        distribution = IntDistribution(int(low), int(high), log=values.log, step=values.step)
    elif values.step is not None:
        distribution = _stepped_reals(low, high, values.step, needed=values.low if below else end)
    else:
        distribution = FloatDistribution(low, high, log=values.log)
    if not below and isinstance(values, FloatDistribution) and values.step is not None:
        end = distribution.high
    on = _Steps(values, highest=distribution.high) if _is_stepped(values) else None

    def decode(value: float) -> Setting | None:
        stepped = _on_a_step(values, value)
        off = stepped < values.low if below else stepped > values.high
        return None if off else stepped

    off = _middle(values, end, below)
    return Dimension(name, distribution, decode, lambda setting: off if setting is None else setting, off, on)


def _rounded(name: str, values: IntDistribution) -> Dimension:
    """Whole numbers on a logarithmic axis, sampled as reals, with the stretch that means "off" below them."""
    edge, top = values.low - 0.5, values.high + 0.5
    end = edge / (top / edge) ** _RATIO

    def decode(value: float) -> Setting | None:
        return None if value < edge else min(max(round(value), values.low), values.high)

    off = math.sqrt(edge * end)

    def encode(setting: Setting | None) -> float:
        return off if setting is None else float(setting)  # type: ignore[arg-type]  # of a range, and so a number

    return Dimension(name, FloatDistribution(end, top, log=True), decode, encode, off, None)


def _off_end(values: Numbers, below: bool) -> float:
    """The far end of the "off" stretch."""
    edge = values.low if below else values.high
    if values.step is not None and not values.log:
        count = _index(values, values.high) + 1
        extra = max(1, round(count * _RATIO))
        return _rung(values, -extra if below else count - 1 + extra, values.step)
    end = _log_end(values, below) if values.log else edge + (-1 if below else 1) * (values.high - values.low) * _RATIO
    if isinstance(values, IntDistribution):
        return min(math.floor(end), values.low - 1) if below else max(math.ceil(end), values.high + 1)
    if below:
        return min(end, math.nextafter(edge, -math.inf))
    return max(end, math.nextafter(edge, math.inf))


def _log_end(values: Numbers, below: bool) -> float:
    """The far end of the "off" stretch of a logarithmic axis."""
    factor = float((values.high / values.low) ** _RATIO)
    end = values.low / factor if below else values.high * factor
    if 0 < end < math.inf:
        return end
    # The quotient of a high end and a low one may be too large for a double where both ends are not.
    near, far = (values.low, values.high) if below else (values.high, values.low)
    return math.exp(math.log(near) + _RATIO * (math.log(near) - math.log(far)))


def _middle(values: Numbers, end: float, below: bool) -> float:
    """A sampled value inside the "off" stretch, away from the values that mean something."""
    edge = values.low if below else values.high
    if isinstance(values, IntDistribution):
        return int(end)
    if values.step is not None:
        return end
    middle = math.sqrt(edge * end) if values.log else (edge + end) / 2
    if not min(edge, end) < middle < max(edge, end):  # the product or the sum is too small or too large for a double
        middle = math.sqrt(edge) * math.sqrt(end) if values.log else edge / 2 + end / 2
    return middle if min(edge, end) < middle < max(edge, end) else end


class _Steps(Sequence[float]):
    """The steps of a range, each made when it is asked for: there may be more than memory holds.

    Args:
        values: A range with steps.
        highest: Steps above it are left out; None for all.
        skipped: Index of a step that is left out; None for none.
    """

    def __init__(self, values: Numbers, highest: float | None = None, skipped: int | None = None) -> None:
        self._values = values
        self._skipped = skipped
        self._step = values.step or 1
        self._count = _index(values, values.high) + 1
        if highest is not None and self._count and _rung(values, self._count - 1, self._step) > highest:
            self._count -= 1

    def __len__(self) -> int:
        return self._count - (self._skipped is not None)

    def __getitem__(self, index: Any) -> Any:
        place = range(len(self))[index]
        if self._skipped is not None and place >= self._skipped:
            place += 1
        return _rung(self._values, place, self._step)


def _is_stepped(values: Numbers) -> bool:
    return values.step is not None and not values.log


def _index(values: Numbers, value: float) -> int:
    """How many steps above the low end the step next to `value` is."""
    return round((value - values.low) / (values.step or 1))


def _on_a_step(values: Numbers, value: float) -> float:
    """The step that `value` means: a sampler adds steps up in binary, and 0.1 + 2 * 0.1 is not 0.3 there."""
    if values.step is None or values.log:
        return value
    return _rung(values, _index(values, value), values.step)


def _rung(values: Numbers, index: int, step: float) -> float:
    """The value `index` steps above the low end, as decimal arithmetic has it."""
    exact = Decimal(str(values.low)) + index * Decimal(str(step))
    return int(exact) if isinstance(values, IntDistribution) else float(exact)
