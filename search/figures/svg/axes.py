"""An axis: from values to places, its ticks."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

_MARGIN = 0.04
"""Beyond the values, in shares of their range."""
_MOST_CATEGORIES = 25
_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


@dataclass(frozen=True)
class Axis:
    """One axis of a panel.

    Args:
        start: Where its low end is, in pixels.
        end: Where its high end is.
        low: The value there: of a logarithmic axis its logarithm, of categories a number of one.
        high: The value at the other end.
        is_log: Whether it is logarithmic.
        categories: What its places are called; empty where they are numbers.
        tick_format: As Plotly has it; of these `.0%` alone is known.
        given_ticks: Values and texts that were given for ticks; None where there are none.
    """

    start: float
    end: float
    low: float
    high: float
    is_log: bool = False
    categories: tuple[str, ...] = ()
    tick_format: str = ""
    given_ticks: tuple[tuple[Any, str], ...] | None = None

    def place(self, value: Any) -> float | None:
        """Where a value is, in pixels; None for one that has no place."""
        number = self.number(value)
        if number is None:
            return None
        return self.start + (number - self.low) / (self.high - self.low) * (self.end - self.start)

    def number(self, value: Any) -> float | None:
        """A value in the unit of the axis; None for one that it cannot show."""
        if self.categories and isinstance(value, str):
            return float(self.categories.index(value)) if value in self.categories else None
        return to_number(value, is_log=self.is_log)

    def place_of_share(self, share: float) -> float:
        """Where a share of the axis' length is, from its low end."""
        return self.start + share * (self.end - self.start)

    @property
    def ticks(self) -> list[tuple[float, str]]:
        """Places in pixels and their texts."""
        if self.given_ticks is not None:
            known = [(self.place(value), text) for value, text in self.given_ticks]
            return [(place, text) for place, text in known if place is not None]
        if self.categories:
            step = -(-len(self.categories) // _MOST_CATEGORIES)
            shown = [*enumerate(self.categories)][::step]
            return [(place, text) for at, text in shown if (place := self.place(float(at))) is not None]
        if self.is_log:
            return [(self._at(number), _power(number)) for number in _decades(self.low, self.high)]
        numbers = _nice_numbers(self.low, self.high)
        return [(self._at(number), self._told(number, numbers)) for number in numbers]

    def _at(self, number: float) -> float:
        return self.start + (number - self.low) / (self.high - self.low) * (self.end - self.start)

    def _told(self, number: float, numbers: Sequence[float]) -> str:
        if self.tick_format.endswith("%"):
            return f"{number:.0%}".replace("-", "−")
        if number and not 1e-3 <= abs(number) < 1e6:
            return f"{number:.3g}".replace("-", "−")
        step = numbers[1] - numbers[0] if len(numbers) > 1 else 1.0
        digits = max(0, -math.floor(math.log10(step) + 1e-9)) if step > 0 else 0
        return f"{number:,.{digits}f}".replace("-", "−")


def to_number(value: Any, *, is_log: bool) -> float | None:
    """A finite number, or its logarithm; None for anything else."""
    if value is None or isinstance(value, str):
        return None
    number = float(value)
    if not math.isfinite(number) or (is_log and number <= 0):
        return None
    return math.log10(number) if is_log else number


def find_range(numbers: Iterable[float | None], *, to_zero: bool = False) -> tuple[float, float]:
    """The ends of an axis that shows some numbers, with a margin; those that are None are left out."""
    known = [number for number in numbers if number is not None]
    low, high = min(known, default=0.0), max(known, default=1.0)
    if to_zero:
        low, high = min(low, 0.0), max(high, 0.0)
    margin = _MARGIN * (high - low) or max(abs(high) * 0.1, 0.5)
    return (low if to_zero and low == 0 else low - margin), (high if to_zero and high == 0 else high + margin)


def _nice_numbers(low: float, high: float) -> list[float]:
    rough = (high - low) / 6
    base = 10 ** math.floor(math.log10(rough))
    step = next(base * factor for factor in (1, 2, 5, 10) if base * factor >= rough)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [number * step for number in range(first, last + 1)]


def _decades(low: float, high: float) -> list[float]:
    first, last = math.ceil(low - 1e-9), math.floor(high + 1e-9)
    step = max(1, (last - first) // 8)
    return [float(number) for number in range(first, last + 1, step)]


def _power(number: float) -> str:
    return f"10{str(int(number)).translate(_SUPERSCRIPTS)}"
