"""Help that fits the terminal: on a narrow one what an option does stands below it, not beside."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import click

from search.cli._render import terminal_width, wrap_line

NARROW = 52
_WIDEST = 100


class _Formatter(click.HelpFormatter):
    """Click's, whose two columns need 50 at least."""

    def write_dl(self, rows: Iterable[tuple[str, str]], col_max: int = 30, col_spacing: int = 2) -> None:
        if self.width >= NARROW:
            super().write_dl(rows, col_max, col_spacing)
            return
        indent = " " * self.current_indent
        for term, meaning in rows:
            for text, deeper in ((term, indent), (meaning, f"{indent}    ")):
                self.write("".join(f"{line}\n" for line in wrap_line(deeper + text, self.width)))


class FittingContext(click.Context):
    """A context whose help is no wider than the terminal, and is asked for with `-h` or `--help`.

    Click keeps a command's help option with the names of the first context: each context gives the same.
    """

    formatter_class = _Formatter

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **{"help_option_names": ["-h", "--help"], **settings})


def help_settings() -> dict[str, Any]:
    """What a context is made with: the width where it is too small for Click's own way to find it."""
    width = terminal_width()
    return {"terminal_width": width} if width is not None and width < NARROW else {"max_content_width": _WIDEST}
