"""Tables, lines and JSON, so that on no terminal a number or a name is cut in two."""

from __future__ import annotations

import json
import os
import re
import sys
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

import click

from search.records.wording import show_value

_QUIET = "search.cli.quiet"

NOTHING_YET = "{name}: {what} yet. `regsearch status {name}` tells how far it is."
"""Where a table would be empty."""

_UNKNOWN_WIDTH = 80
_CAPS = (60, 48, 40, 32, 28, 24, 20, 16, 12)
"""Widths that text of several words is wrapped to, until a table fits."""

_COMMAND_WIDTH = 58
"""Columns of commands that stand beside their purpose, where none is longer."""

_MOST_SIDE_BY_SIDE = 3
"""Rows that stand side by side, as columns, where a terminal is too narrow for the columns that they have."""

_ABSENT = "-"
_UNBREAKABLE = "\N{NO-BREAK SPACE}"


def print_json(value: Any) -> None:
    """One JSON document, indented; never NaN, which JSON does not know."""
    click.echo(json.dumps(value, indent=2, allow_nan=False, default=str))


def print_lines(text: str, *, err: bool = False, hanging: int = 0) -> None:
    """Lines of text; on a terminal they are wrapped between words.

    Args:
        text: One line or several.
        err: Whether they go to stderr.
        hanging: By how much what is wrapped is indented.
    """
    width = terminal_width(err=err)
    for line in map(printable, text.split("\n")):
        for each in [line] if width is None else wrap_line(line, width, hanging) or [""]:
            click.echo(each, err=err)


_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def printable(text: str) -> str:
    """A text that does nothing to a terminal, whoever wrote it: characters that control one are shown as `\\x1b`."""
    return _CONTROLS.sub(lambda found: f"\\x{ord(found[0]):02x}", text)


def wrap_line(text: str, width: int, hanging: int = 0) -> list[str]:
    """The lines of a text, indented as it is, and behind the first by `hanging` more.

    Words are kept in one piece always, names with their values (`l2 0.1, dropout 0.3`) where there is room.
    """
    indent = text[: len(text) - len(text.lstrip())]
    parts = text.strip().split(", ")
    is_configuration = len(parts) > 1 and all(len(part.split()) <= 2 for part in parts)
    if is_configuration and max(map(len, parts)) < width - len(indent) - hanging:
        text = ", ".join(part.replace(" ", _UNBREAKABLE) for part in parts)
    lines = textwrap.wrap(
        text.strip(" "),
        width,
        initial_indent=indent,
        subsequent_indent=indent + " " * hanging,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return [line.replace(_UNBREAKABLE, " ") for line in lines]


def count_of(number: int, noun: str) -> str:
    """`1 trial`, `2 trials`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def say(message: str) -> None:
    """A line on stderr that is neither a result nor an error."""
    if not is_quiet():
        print_lines(message, err=True)


def hush(context: click.Context) -> None:
    """Print nothing but results and errors from now on, as `--quiet` says, before the command or behind it."""
    context.meta[_QUIET] = True


def is_quiet() -> bool:
    """Whether nothing but results and errors is to be printed."""
    context = click.get_current_context(silent=True)
    return context is not None and bool(context.meta.get(_QUIET))


def print_commands(commands: Sequence[tuple[str, str]]) -> None:
    """Commands to type next, each with its purpose beside it; without room for that, below it."""
    width, longest = terminal_width(), max(_COMMAND_WIDTH, *(len(command) for command, _ in commands))
    beside = [f"  {command:<{longest}}   {purpose}" for command, purpose in commands]
    if width is None or max(map(len, beside)) <= width:
        click.echo("\n".join(beside))
        return
    for command, purpose in commands:
        click.echo(f"  {command}")
        print_lines(f"      {purpose}")


def terminal_width(*, err: bool = False) -> int | None:
    """Columns of the terminal that stdout or stderr is, $COLUMNS if that is set; None for a file or a pipe."""
    stream = sys.stderr if err else sys.stdout
    if not stream.isatty():
        return None
    if (given := os.environ.get("COLUMNS", "")).isdecimal() and int(given):
        return int(given)
    try:
        return os.get_terminal_size(stream.fileno()).columns or _UNKNOWN_WIDTH
    except OSError:
        return _UNKNOWN_WIDTH


def print_table(
    headers: Sequence[str],
    rows: Iterable[Sequence[object]],
    *narrower: tuple[Sequence[str], Iterable[Sequence[object]]],
    err: bool = False,
) -> None:
    """A table; columns that hold only numbers are aligned right, an absent value is a dash.

    A file or a pipe has no width: what a program may read is never wrapped. On a terminal that is too narrow, text of
    several words is wrapped; or few rows stand side by side; or the next of the narrower tables is taken; or the rows
    stand one below another, a line a value.

    Args:
        headers: Of the columns.
        rows: Their values.
        narrower: Headers and rows to be shown where there is no room for these, in this order; they are asked for
            their rows only there.
        err: Whether it goes to stderr.
    """
    from rich.cells import cell_len

    first = _Texts.of(headers, rows)
    width = terminal_width(err=err)
    if width is None:
        click.echo("\n".join(_laid_out(first, err=err)), err=err)
        return
    for shown, texts in _arrangements(first, (_Texts.of(*table) for table in narrower)):
        lines = _laid_out(texts, err=err)
        if max(map(cell_len, lines)) <= width:
            click.echo("\n".join(lines), err=err)
            if set(shown.headers) < set(first.headers):
                left_out = ", ".join(header for header in first.headers if header not in shown.headers)
                say(f"Left out for want of room: {left_out}. --format json has all.")
            return
    _print_records(first, width, err=err)


def pick_columns(
    headers: Sequence[str], rows: Iterable[Sequence[object]], shown: Sequence[str]
) -> tuple[Sequence[str], list[Sequence[object]]]:
    """A table of some columns of another one, for `narrower` of `print_table`."""
    places = [headers.index(header) for header in shown]
    return shown, [[row[place] for place in places] for row in rows]


@dataclass(frozen=True)
class _Texts:
    """A table whose values are texts."""

    headers: list[str]
    rows: list[list[str]]

    @classmethod
    def of(cls, headers: Sequence[str], rows: Iterable[Sequence[object]]) -> _Texts:
        texts = [[printable(show_value(value)) for value in row] for row in rows]
        return cls([printable(header) for header in headers], texts)

    @property
    def turned(self) -> _Texts:
        """Its rows as columns; the first column has the headers."""
        columns = [[header, *(row[index] for row in self.rows)] for index, header in enumerate(self.headers)]
        return _Texts(columns[0], columns[1:])


def _arrangements(first: _Texts, narrower: Iterable[_Texts]) -> Iterator[tuple[_Texts, _Texts]]:
    """What is shown, and as what table: in less and less room."""
    for texts in _wrappings(first):
        yield first, texts
    if 0 < len(first.rows) <= _MOST_SIDE_BY_SIDE:
        for texts in _wrappings(first.turned):
            yield first, texts
    for other in narrower:
        for texts in _wrappings(other):
            yield other, texts


def _wrappings(texts: _Texts) -> Iterator[_Texts]:
    """The table as it is, then with text of several words in less and less room."""
    yield texts
    for cap in _CAPS:
        yield _Texts(
            [_in_lines(header, cap) for header in texts.headers],
            [[_in_lines(text, cap) if _is_prose(text) else text for text in row] for row in texts.rows],
        )


def _in_lines(text: str, width: int) -> str:
    return "\n".join(wrap_line(text, width))


def _is_prose(text: str) -> bool:
    """Whether it may be wrapped: a sentence or a list. A date with its time, or a label of two words, is not."""
    return ", " in text or len(text.split()) > 2


def _laid_out(texts: _Texts, *, err: bool) -> list[str]:
    """The lines of a table: headers, a rule, and the rows, whose cells may have several lines."""
    from rich.cells import cell_len

    above, below = list(_in_cells_of_a_line([texts.headers])), _in_cells_of_a_line(texts.rows)
    to_right = [all(_is_number(row[index]) for row in texts.rows) for index in range(len(texts.headers))]
    columns = [_padded(column, right) for column, right in zip(zip(*above, *below, strict=True), to_right, strict=True)]
    head, *lines = map(_GAP.join, zip(*columns, strict=True))
    encoding = (sys.stderr if err else sys.stdout).encoding or "utf-8"
    dash = "\N{BOX DRAWINGS LIGHT HORIZONTAL}" if encoding.lower().startswith("utf") else "-"
    rule = dash * cell_len(head)
    return [head, *lines[: len(above) - 1], rule, *lines[len(above) - 1 :]]


def _in_cells_of_a_line(rows: Iterable[Sequence[str]]) -> Iterator[Sequence[str]]:
    """Rows of cells of one line each, as many as the longest cell of a row has."""
    for row in rows:
        if any("\n" in text for text in row):
            yield from zip_longest(*(text.split("\n") for text in row), fillvalue="")
        else:
            yield row


def _padded(column: Sequence[str], right: bool) -> list[str]:
    """The cells of a column, as wide as the widest."""
    from rich.cells import cell_len

    widths = [len(text) if text.isascii() else cell_len(text) for text in column]
    most = max(widths)
    if right:
        return [" " * (most - width) + text for text, width in zip(column, widths, strict=True)]
    return [text + " " * (most - width) for text, width in zip(column, widths, strict=True)]


_GAP = "   "


def _print_records(texts: _Texts, width: int, *, err: bool = False) -> None:
    """The rows one below another, a value a line, absent ones left out; without room beside its header, below it."""
    margin = max(map(len, texts.headers)) + 2
    for number, row in enumerate(texts.rows):
        if number:
            click.echo(err=err)
        for header, text in zip(texts.headers, row, strict=True):
            if text in (_ABSENT, ""):
                continue
            beside = wrap_line(text, width - margin) if width > margin else []
            if beside and max(map(len, beside)) <= width - margin:
                lines = [f"{title:<{margin}}{line}" for title, line in zip_longest([header], beside, fillvalue="")]
            else:
                lines = [header, *wrap_line(f"  {text}", width)]
            click.echo("\n".join(lines) if header else text, err=err)


def _is_number(text: str) -> bool:
    if text in (_ABSENT, "off", "as given"):
        return True
    try:
        float(text.rstrip("%"))
    except ValueError:
        return False
    return True
