"""What a terminal shows of a study that runs, in a few lines that suit its width: `run` and `watch` show the same."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from search.cli._render import printable, wrap_line
from search.records import Direction, StudyFacts
from search.records.wording import best_in_words, describe_configuration, show_value

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult
    from rich.spinner import Spinner

    from search.cli._steady_live import SteadyLive
    from search.records import Trial

_REDRAWS_A_SECOND = 4
_MARGIN = 11
"""Width of the labels, where there is room for them."""
NARROW = 60
"""Columns below which bar and time have a line each."""
_MOST_POINTS = 40
_BLOCKS = "▁▂▃▄▅▆▇█"
_BLOCKS_OF_ASCII = "_.-~=+*#"


@dataclass(frozen=True)
class Sight:
    """What there is to see of a study at one moment.

    Args:
        done: What ended of `total`.
        total: Trials, or runs of what follows the search; 0 before it is known what there will be.
        time: How fast it is and how long it will take, in words.
        phase: What is being done, in words, where that is not the search.
        best: The best complete trial.
        baseline: Trial 0 once it is complete.
        more: Further lines, each with its label or none.
    """

    done: int
    total: int
    time: str = ""
    phase: str = ""
    best: Trial | None = None
    baseline: Trial | None = None
    more: Sequence[tuple[str | None, str]] = ()


class BestSoFar:
    """The way to the best score, trial by trial; what is drawn of it costs the same however many there are."""

    def __init__(self, direction: Direction, scores: Iterable[float | None] = ()) -> None:
        self._better = min if direction == "minimize" else max
        self._best: list[float] = []
        for score in scores:
            self.add(score)

    def add(self, score: float | None) -> None:
        """A trial ended, with this score or without one."""
        if score is not None and math.isfinite(score):
            self._best.append(self._better(self._best[-1], score) if self._best else score)

    def drawn(self, width: int, *, ascii_only: bool) -> str:
        """`0.55 ▇▅▁▁ 0.31`, no wider than so many columns; empty before there is a way."""
        if len(self._best) < 2:
            return ""
        first, last = show_value(self._best[0]), show_value(self._best[-1])
        n_points = min(width - len(first) - len(last) - 2, _MOST_POINTS)
        return f"{first} {draw_line(self._best, n_points, ascii_only=ascii_only)} {last}" if n_points > 1 else ""


def draw_line(values: Sequence[float], n_points: int, *, ascii_only: bool) -> str:
    """Values as blocks of different height, as many as there is room for, the first and the last among them."""
    n_points = min(n_points, len(values))
    if n_points < 1:
        return ""
    places = [round(i * (len(values) - 1) / max(1, n_points - 1)) for i in range(n_points)]
    shown = [values[place] for place in places]
    blocks = _BLOCKS_OF_ASCII if ascii_only else _BLOCKS
    low, span = min(shown), max(shown) - min(shown)
    return "".join(blocks[round((value - low) / span * (len(blocks) - 1)) if span > 0 else 0] for value in shown)


class View:
    """A picture of the latest sight, drawn anew for the width that the terminal has then.

    Args:
        metric: Name of the score.
        direction: Whether a low or a high score is good.
        facts: Of the study.
        sight: What there is to see at first; it is replaced as things go on.
    """

    def __init__(self, metric: str, direction: Direction, facts: StudyFacts, sight: Sight) -> None:
        self.sight = sight
        self.way = BestSoFar(direction)
        self._metric, self._direction, self._facts = metric, direction, facts
        self._spinners: dict[bool, Spinner] = {}

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        sight, width = self.sight, options.max_width
        head = Table.grid(padding=(0, 1))
        bar = ProgressBar(max(1, sight.total), sight.done, width=min(30, max(4, width // 4)))
        is_narrow = width < NARROW
        beside = [] if is_narrow or not sight.time else [sight.time]
        head.add_row(
            self._spinner(options.ascii_only), f"{sight.done}/{sight.total}" if sight.total else "", bar, *beside
        )
        yield head
        if is_narrow and sight.time:
            yield Text(f"  {sight.time}", overflow="fold")
        for label, text in self._lines(width, ascii_only=options.ascii_only):
            yield from (Text.assemble("  ", (start, "dim"), rest) for start, rest in _labelled(label, text, width - 2))

    def _lines(self, width: int, *, ascii_only: bool) -> Iterator[tuple[str | None, str]]:
        sight = self.sight
        if sight.phase:
            yield None, sight.phase
        if sight.best is not None:
            yield "best", best_in_words(sight.best, sight.baseline, self._metric, self._direction)
            yield "", describe_configuration(sight.best.configuration, self._facts)
        label = "so far"
        room = width - 2 - (len(label) + 1 if width < NARROW else _MARGIN)
        if way := self.way.drawn(room, ascii_only=ascii_only):
            yield label, way
        yield from sight.more

    def _spinner(self, ascii_only: bool) -> Spinner:
        """The one that turns: another one at each drawing would stand still."""
        from rich.spinner import Spinner

        return self._spinners.setdefault(ascii_only, Spinner("line" if ascii_only else "dots"))


def _labelled(label: str | None, text: str, width: int) -> Iterator[tuple[str, str]]:
    """Lines of a text, each with what stands before it; on a narrow terminal the label is a word of the text.

    Without a label (None) there is no margin either; an empty one continues the text above.
    """
    text = printable(text)
    if label is None or width + 2 < NARROW:
        lines = wrap_line(f"{label} {text}" if label else text, width, hanging=2)
        yield from (("", line) for line in lines)
        return
    for number, line in enumerate(wrap_line(text, width - _MARGIN)):
        yield f"{label if not number else '':<{_MARGIN}}", line


def can_redraw(*, err: bool = False) -> bool:
    """Whether lines can be drawn over: on a terminal that can move its cursor."""
    stream = sys.stderr if err else sys.stdout
    return stream.isatty() and os.environ.get("TERM", "").lower() not in ("dumb", "unknown")


def live(view: View, *, err: bool = False) -> SteadyLive:
    """The view on a terminal, drawn anew four times a second at most, and gone at the end."""
    from rich.console import Console

    from search.cli._steady_live import SteadyLive

    return SteadyLive(
        view,
        console=Console(stderr=err, highlight=False),
        refresh_per_second=_REDRAWS_A_SECOND,
        transient=True,
    )
