"""A range of [space]: `low`, `high`, `log` and `step`, each by itself and together.

What a range says has to fit into Optuna's distributions, which hold doubles: whole numbers above `MOST_WHOLE` are not
all of them; steps must be told apart (Optuna takes a value for a step when it is off by less than 1e-8 steps); and
where a technique can be off, a stretch of the axis has to lie beyond the range.
"""

from __future__ import annotations

import math
import sys
from decimal import Decimal

from search.spec.catalogue import Domain
from search.spec.findings import Findings
from search.spec.locations import Path
from search.spec.sections import Range
from search.spec.wording import show

OFF_SHARE = 0.2
"""Share of a technique's axis that means "off"."""

MOST_WHOLE = 2**52
"""Largest whole number of a range: it and the "off" stretch above it are exact as doubles."""

_FINEST_STEP = 1e-7
"""Smallest step, in shares of the range's largest number."""

_SMALLEST_STEP = 1e-300
_SMALLEST, _LARGEST = math.log(sys.float_info.min), math.log(sys.float_info.max)
_OFF_RATIO = OFF_SHARE / (1 - OFF_SHARE)
_ROUNDING = 0.99
"""The limits that sentences name are rounded; one that is taken at its word is not refused again."""


def check_range(path: Path, domain: Domain, values: Range, can_be_off: bool, findings: Findings) -> None:
    """Note everything that is wrong with a range.

    Args:
        path: Of the entry.
        domain: The numbers that it may hold.
        values: The range.
        can_be_off: Whether it is a technique's.
        findings: Where problems are noted.
    """
    order = _order(domain)
    for key, value in (("low", values.low), ("high", values.high)):
        if not domain.contains(value):
            remedy = domain_hint(domain, value)
            findings.add(path, f"expected {order}, received {key} = {show(value)}", remedy, key)
        elif domain.kind == "int" and value > MOST_WHOLE:
            message = f"expected whole numbers of at most 2^52 = {MOST_WHOLE}, received {key} = {show(value)}"
            findings.add(path, message, key=key)
    if values.low >= values.high:
        remedy = "Swap them." if values.low > values.high else "A single value is a list: { choices = [...] }."
        message = f"expected {order}, received low = {show(values.low)}, high = {show(values.high)}"
        findings.add(path, message, remedy)
    if values.log and values.low <= 0:
        remedy = "Zero has no logarithm; off is tried anyway." if can_be_off else ""
        if can_be_off and domain.contains(0):
            remedy = "Zero has no logarithm; give choices to have it tried."
        message = f"expected low > 0, since log = true, received low = {show(values.low)}"
        findings.add(path, message, remedy, "low")
    if values.step is not None:
        _check_step(path, domain, values, values.step, findings)
    if domain.kind == "float" and not findings.touches(path):
        if not values.log:
            _check_span(path, values, can_be_off, findings)
        elif can_be_off:
            _check_room_for_off(path, domain, values, findings)


def check_points(path: Path, domain: Domain, values: Range, sampler: str, findings: Findings) -> None:
    """A walk needs points: steps, or the whole numbers of a range that is not logarithmic."""
    if values.log or (domain.kind == "float" and values.step is None):
        received = "log = true" if values.log else "no step"
        message = f'expected choices, or a range of points, since sampler = "{sampler}", received {received}'
        findings.add(path, message, "Give the points as choices.")


def in_range(value: float, values: Range) -> bool:
    """Whether a setting's value is one of the range."""
    if not values.low <= value <= values.high:
        return False
    if values.step is None:
        return True
    steps = (value - values.low) / values.step
    # A last step that ends a little above `high` is none.
    last = (Decimal(str(values.high)) - Decimal(str(values.low))) // Decimal(str(values.step))
    return abs(steps - round(steps)) < 1e-8 and round(steps) <= last


def domain_hint(domain: Domain, value: float) -> str:
    """What may have been meant: the rate 0.3 by 3 or by 30 percent, 10 epochs by 10.5."""
    if value == domain.low == 0 and domain.low_open:
        return "Begin above 0."
    if value in (0, domain.high):
        return ""
    guesses = [abs(value), value / 10, value / 100] if domain.high <= 1 else [abs(value)]
    if domain.kind == "int":
        guesses = [round(abs(value))]
    fitting = [guess for guess in guesses if domain.contains(guess)]
    return f"Did you mean {show(fitting[0])}?" if fitting else ""


def _check_step(path: Path, domain: Domain, values: Range, step: float, findings: Findings) -> None:
    received, span = f"received step = {show(step)}", values.high - values.low
    finest = max(max(abs(values.low), abs(values.high)) * _FINEST_STEP, _SMALLEST_STEP)
    if values.log:
        message = f"expected no step, since log = true, {received}"
        findings.add(path, message, "Leave one of the two out.", "step")
    elif domain.kind == "int" and not float(step).is_integer():
        findings.add(path, f"expected a whole number, {received}", key="step")
    elif step <= 0 or (values.low < values.high and step > span * (1 + 1e-9)):
        message = f"expected 0 < step <= high - low = {show(round(span, 12))}, {received}"
        findings.add(path, message, key="step")
    elif domain.kind == "float" and step < finest * _ROUNDING:
        message = f"expected step >= {show(_rounded(finest))}, a 10,000,000th of the largest number, {received}"
        if finest == _SMALLEST_STEP:
            message = f"expected step >= {show(finest)}, {received}"
        findings.add(path, message, "Leave it out: steps this fine make no difference.", "step")


def _check_span(path: Path, values: Range, can_be_off: bool, findings: Findings) -> None:
    """The span, with the "off" stretch, a step more and half a step at both ends, has to be a double itself."""
    if values.step is None and not can_be_off:
        return
    widest = sys.float_info.max / (4 if values.step is not None else 1 + _OFF_RATIO) * _ROUNDING
    if values.high > widest:
        message = f"expected high <= {show(_rounded(widest * _ROUNDING))}, received high = {show(values.high)}"
        findings.add(path, message, key="high")


def _check_room_for_off(path: Path, domain: Domain, values: Range, findings: Findings) -> None:
    """On a logarithmic axis, the stretch that means "off" has to be made of doubles as well."""
    below = domain.weak == "low"
    near, far = (values.low, values.high) if below else (values.high, values.low)
    end = math.log(near) + _OFF_RATIO * (math.log(near) - math.log(far))
    limit = math.exp(((_SMALLEST if below else _LARGEST) + _OFF_RATIO * math.log(far)) / (1 + _OFF_RATIO))
    if below and end < _SMALLEST:
        message = f"expected low >= {show(_rounded(limit / _ROUNDING))}, for off lies below it"
        findings.add(path, f"{message}, received low = {show(values.low)}", key="low")
    elif not below and end > _LARGEST:
        message = f"expected high <= {show(_rounded(limit * _ROUNDING))}, for off lies above it"
        findings.add(path, f"{message}, received high = {show(values.high)}", key="high")


def _rounded(limit: float) -> float:
    return float(f"{limit:.3g}")


def _order(domain: Domain) -> str:
    """The domain as an inequality: `0 < low < high < 1`."""
    left = f"{show(_plain(domain.low))} {'<' if domain.low_open else '<='} " if domain.low > float("-inf") else ""
    right = f" {'<' if domain.high_open else '<='} {show(_plain(domain.high))}" if domain.high < float("inf") else ""
    noun = "whole numbers with " if domain.kind == "int" else ""
    return f"{noun}{left}low < high{right}"


def _plain(bound: float) -> float:
    return int(bound) if float(bound).is_integer() else bound
