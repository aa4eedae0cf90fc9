"""Text, in the little markup that Plotly has: `<b>`, `<br>`, entities."""

from __future__ import annotations

import html
import re

_LETTER = 0.56
"""Width of a letter, in sizes of the font: of the mean one."""
_BREAK = re.compile(r"<br\s*/?>")
_TAG = re.compile(r"</?(?:b|i|sub|sup|em|strong|span)\b[^>]*>")


def lines_of(text: str) -> list[str]:
    """The lines of a text, without markup."""
    return [html.unescape(_TAG.sub("", line)) for line in _BREAK.split(text)]


def width_of(text: str, size: float = 12) -> float:
    """About how wide a text is: its longest line, in pixels."""
    return max(len(line) for line in lines_of(text)) * _LETTER * size


def words(
    text: str,
    x: float,
    y: float,
    *,
    anchor: str = "start",
    size: float = 12,
    fill: str = "currentColor",
    turned: bool = False,
    is_bold: bool = False,
    halo: bool = False,
) -> str:
    """A text, whose first line's base is at a place.

    Args:
        text: With Plotly's markup.
        x: From the left, in pixels.
        y: From the top, in pixels.
        anchor: Which end of it is there: `start`, `middle` or `end`.
        size: Of the font, in pixels.
        fill: Its colour.
        turned: Whether it reads upwards.
        is_bold: Whether it is bold.
        halo: Whether the page's own colour is laid around it, so that it is read over lines.
    """
    lines = [html.escape(line) for line in lines_of(text)]
    if len(lines) > 1:
        body = "".join(
            f'<tspan x="{x:.5g}" dy="{1.2 * size if n else 0:.3g}">{line}</tspan>' for n, line in enumerate(lines)
        )
    else:
        body = lines[0]
    more = [f'transform="rotate(-90 {x:.5g} {y:.5g})"'] if turned else []
    if is_bold:
        more.append('font-weight="600"')
    if halo:
        more.append('paint-order="stroke" stroke="var(--paper,#fff)" stroke-width="3"')
    attributes = " ".join([f'text-anchor="{anchor}"', f'font-size="{size:g}"', f'fill="{fill}"', *more])
    return f'<text x="{x:.5g}" y="{y:.5g}" {attributes}>{body}</text>'
