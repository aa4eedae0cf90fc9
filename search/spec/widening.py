"""What may become of [space] while a study goes on: a range may become wider, and nothing else may change.

Values that were tried stay what they are in a wider range, so that they count as history there. In a narrower one, on
another scale, or between other steps, some of them would be no values at all.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal

from search.spec.sections import Choices, Range
from search.spec.wording import show

Space = Mapping[str, Range | Choices]


def refused_changes(before: Space, after: Space) -> Iterator[tuple[tuple[str, ...], str]]:
    """Every change that a study may not go on with: its path in [space], and `expected ..., received ...`.

    Args:
        before: As the study searches.
        after: As it is to go on.
    """
    for name in dict.fromkeys((*before, *after)):
        was, now = before.get(name), after.get(name)
        if isinstance(was, Range) and isinstance(now, Range):
            for key, message in _refused_of_range(was, now):
                yield (name, key), message
        elif isinstance(was, Choices) and isinstance(now, Choices):
            if was != now:
                message = f"expected {show(was.choices)} as the study was begun with, received {show(now.choices)}"
                yield (name, "choices"), message
        elif was != now:
            yield (name,), f"expected {_entry(was)} as the study was begun with, received {_entry(now)}"


def wider_ranges(before: Space, after: Space) -> dict[str, Range]:
    """The ranges that become wider, as they were before.

    Args:
        before: As the study searches.
        after: As it is to go on; nothing of it is refused.
    """
    return {name: was for name, was in before.items() if isinstance(was, Range) and was != after.get(name)}


def _refused_of_range(was: Range, now: Range) -> Iterator[tuple[str, str]]:
    for key in ("log", "step"):
        if getattr(was, key) != getattr(now, key):
            expected, received = show(getattr(was, key)), show(getattr(now, key))
            yield key, f"expected {expected} as the study was begun with, received {received}"
    if now.low > was.low:
        yield "low", f"expected {show(was.low)} or less, for the study searches down to there, received {show(now.low)}"
    elif was.step is not None and was.step == now.step and _is_off_the_steps(was.low, now.low, was.step):
        message = f"expected {show(was.low)} less a whole number of steps of {show(was.step)}, received {show(now.low)}"
        yield "low", message
    if now.high < was.high:
        message = f"expected {show(was.high)} or more, for the study searches up to there, received {show(now.high)}"
        yield "high", message


def _is_off_the_steps(was: float, now: float, step: float) -> bool:
    return (Decimal(str(was)) - Decimal(str(now))) % Decimal(str(step)) != 0


def _entry(entry: Range | Choices | None) -> str:
    return "nothing" if entry is None else show(entry.model_dump(exclude_defaults=True))
