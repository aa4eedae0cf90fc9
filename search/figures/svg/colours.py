"""Colours of Plotly, and between two of them."""

from __future__ import annotations

import re
from collections.abc import Sequence

Colour = tuple[float, float, float, float]
"""Red, green and blue from 0 to 255, and how much is covered, from 0 to 1."""

_NAMED: dict[str, Colour] = {"white": (255, 255, 255, 1), "black": (0, 0, 0, 1)}
_NUMBERS = re.compile(r"[\d.]+")


def parse_colour(text: str) -> Colour:
    """A colour as `#rrggbb`, `rgb(...)`, `rgba(...)`, or one of the few names that we use.

    Raises:
        ValueError: It is another one.
    """
    if text in _NAMED:
        return _NAMED[text]
    if text.startswith("#") and len(text) == 7:
        parts = [float(int(text[place : place + 2], 16)) for place in (1, 3, 5)]
        return parts[0], parts[1], parts[2], 1.0
    numbers = [float(number) for number in _NUMBERS.findall(text)]
    if text.startswith("rgb") and len(numbers) in (3, 4):
        red, green, blue, covered = (*numbers, 1.0)[:4]
        return red, green, blue, covered
    raise ValueError(f"expected a colour such as #0072b2 or rgba(0,114,178,0.5), received {text!r}")


def between(scale: Sequence[tuple[float, str]], share: float) -> Colour:
    """The colour at a place of a scale, from 0 to 1."""
    low_at, low = scale[0]
    for high_at, high in scale:
        if share <= high_at:
            part = (share - low_at) / (high_at - low_at) if high_at > low_at else 0.0
            pairs = zip(parse_colour(low), parse_colour(high), strict=True)
            red, green, blue, covered = (first + part * (second - first) for first, second in pairs)
            return red, green, blue, covered
        low_at, low = high_at, high
    return parse_colour(scale[-1][1])


def painted(attribute: str, colour: str | Colour) -> str:
    """A colour as an attribute of an element, `fill` or `stroke`, and how much it covers where that is not all."""
    red, green, blue, covered = parse_colour(colour) if isinstance(colour, str) else colour
    solid = f'{attribute}="#{round(red):02x}{round(green):02x}{round(blue):02x}"'
    return solid if covered >= 1 else f'{solid} {attribute}-opacity="{covered:.2g}"'


def is_dark(colour: Colour) -> bool:
    """Whether white text is read better on it than black, as it is seen over white."""
    red, green, blue, covered = colour
    seen = [covered * part + (1 - covered) * 255 for part in (red, green, blue)]
    return 0.299 * seen[0] + 0.587 * seen[1] + 0.114 * seen[2] < 140
