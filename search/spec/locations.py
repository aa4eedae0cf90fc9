"""On which line of a TOML document each key stands; `tomllib` does not tell."""

from __future__ import annotations

import re
import tomllib
from bisect import bisect_left

Path = tuple[str, ...]
"""Where a value stands in a study file: table, key, and keys of tables inside it."""

_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_SPACE = re.compile(r"[ \t]*")
_KEY = re.compile(r"""[A-Za-z0-9_-]+|"(?:[^"\\\n]|\\.)*"|'[^'\n]*'""")
_DOT = re.compile(r"[ \t]*\.[ \t]*")
_TEXT = re.compile(r'''"""(?:[^\\]|\\.)*?""""{0,2}|\'\'\'.*?\'\'\'\'{0,2}|"(?:[^"\\\n]|\\.)*"|'[^'\n]*\'''', re.DOTALL)
_SCALAR = re.compile(r"[^,\]}#\n]+")


def locate_keys(text: str) -> dict[Path, int]:
    """The line, counted from 1, of every table and key of a document.

    A table that has a header stands where its header is; one that only dotted keys or the headers of its
    subtables imply stands where it is first named. Keys of tables inside an array are not told.

    Args:
        text: A document that `tomllib` accepts.
    """
    return _Scanner(text).scan()


def read_key(text: str, position: int = 0) -> tuple[Path, int] | None:
    """The parts of the bare, quoted or dotted key at `position` and where it ends; None without a key."""
    parts: list[str] = []
    while match := _KEY.match(text, position):
        try:
            parts.append(_plain(match.group()))
        except tomllib.TOMLDecodeError:  # a control character, or an escape that there is not
            return None
        dot = _DOT.match(text, match.end())
        if dot is None:
            return tuple(parts), match.end()
        position = dot.end()
    return None


def _plain(key: str) -> str:
    if key.startswith(("'", '"')):
        return str(tomllib.loads(f"key = {key}")["key"])
    return key


class _Scanner:
    """Walks once over a valid document and notes the lines of its keys."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._position = 0
        self._line_ends = [match.start() for match in re.finditer("\n", text)]
        self._lines: dict[Path, int] = {}

    def scan(self) -> dict[Path, int]:
        table: Path = ()
        self._skip(_BLANK)
        while self._position < len(self._text):
            if self._next() == "[":
                table = self._scan_header()
            else:
                self._scan_pair(table)
            self._skip(_BLANK)
        return self._lines

    def _scan_header(self) -> Path:
        line = self._line()
        brackets = 2 if self._text.startswith("[[", self._position) else 1
        self._position += brackets
        table = self._scan_key(())
        self._position += brackets
        if brackets == 1:
            self._lines[table] = line
        return table

    def _scan_key(self, table: Path) -> Path:
        self._skip(_SPACE)
        line = self._line()
        key = read_key(self._text, self._position)
        if key is None:
            raise ValueError(f"expected a TOML key on line {line}")
        parts, self._position = key
        for end in range(1, len(parts) + 1):
            self._lines.setdefault(table + parts[:end], line)
        self._skip(_SPACE)
        return table + parts

    def _scan_pair(self, table: Path | None) -> None:
        """Pass `key = value`; `table` is None inside an array, where keys have no path."""
        if table is None:
            kept, self._lines = self._lines, {}
            self._scan_key(())
            self._lines = kept
            path = None
        else:
            path = self._scan_key(table)
        self._position += 1  # the equals sign
        self._skip(_SPACE)
        self._scan_value(path)

    def _scan_value(self, path: Path | None) -> None:
        opening = self._next()
        if opening not in ("[", "{"):
            self._skip(_TEXT if opening in ("'", '"') else _SCALAR)
            return
        closing = "]" if opening == "[" else "}"
        self._position += 1
        self._skip(_BLANK)
        while self._next() not in (closing, ""):
            if opening == "[":
                self._scan_value(None)
            else:
                self._scan_pair(path)
            self._skip(_BLANK)
            if self._next() == ",":
                self._position += 1
                self._skip(_BLANK)
        self._position += 1

    def _next(self) -> str:
        return self._text[self._position : self._position + 1]

    def _skip(self, pattern: re.Pattern[str]) -> None:
        if match := pattern.match(self._text, self._position):
            self._position = match.end()

    def _line(self) -> int:
        return bisect_left(self._line_ends, self._position) + 1
