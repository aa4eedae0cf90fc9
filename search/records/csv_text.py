"""A table as CSV text that a spreadsheet program reads as values, whatever stands in the cells.

Spreadsheet programs run a cell that begins with =, +, - or @ as a formula, also one of a file that somebody else filled
(OWASP, "CSV Injection"). Such a cell gets an apostrophe in front, which they take for "text". Numbers stay as they are,
negative ones too. A program that reads our CSV sees that apostrophe; JSON has the text itself.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Sequence

_BEGINS_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def csv_text(header: Sequence[object], rows: Iterable[Sequence[object]]) -> str:
    """The table as CSV text with a header line, whose cells cannot become formulas.

    Args:
        header: Names of the columns.
        rows: Cells, row by row: numbers, text, or None for an empty cell.
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([plain_cell(name) for name in header])
    writer.writerows([plain_cell(cell) for cell in row] for row in rows)
    return text.getvalue()


def plain_cell(cell: object) -> object:
    """A cell that no spreadsheet program takes for a formula; one that is or reads as a number stays as it is."""
    if not isinstance(cell, str) or not cell.startswith(_BEGINS_FORMULA) or _is_number(cell):
        return cell
    return f"'{cell}"


def _is_number(text: str) -> bool:
    """Whether a text is a number, with a point or a comma, and nothing else; Python writes `-inf` and `-nan`."""
    if text[0] not in "+-" or "_" in text or not text.isascii() or text != text.strip():
        return False
    try:
        number = float(text.replace(",", ".", 1))
    except ValueError:
        return False
    return math.isfinite(number) or text in ("-inf", "-nan")
