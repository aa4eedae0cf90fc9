"""Tables and JSON on stdout."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

import click

from search.records.wording import show_value


def print_json(value: Any) -> None:
    """One JSON document, indented; never NaN, which JSON does not know."""
    click.echo(json.dumps(value, indent=2, allow_nan=False, default=str))


def print_table(headers: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A table; columns that hold only numbers are aligned right, an absent value is a dash."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    listed = [[show_value(value) for value in row] for row in rows]
    console = Console(highlight=False)
    if not console.is_terminal:
        # A file or a pipe has no width: never wrap what a program may read.
        console = Console(highlight=False, width=10_000)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for index, header in enumerate(headers):
        numeric = all(_is_number(row[index]) for row in listed)
        table.add_column(Text(header), justify="right" if numeric else "left", overflow="fold")
    for row in listed:
        table.add_row(*map(Text, row))  # not markup, nor are headers: brackets in an error or a name are brackets
    console.print(table)


def _is_number(text: str) -> bool:
    if text in ("-", "off", "as given"):
        return True
    try:
        float(text.rstrip("%"))
    except ValueError:
        return False
    return True
