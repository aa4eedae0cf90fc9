"""Everything that is wrong with one study, with the place at which the user finds it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from search.errors import Problem
from search.spec.locations import Path
from search.spec.overrides import Override
from search.spec.wording import dotted


class Findings:
    """Collects problems by path and says where each one is: in the file, or in an override.

    Args:
        source: The file as the user named it.
        lines: Line of each path of the file; None when the study does not come from a file of lines.
        overrides: What replaced values of the file.
    """

    def __init__(self, source: str, lines: Mapping[Path, int] | None, overrides: Sequence[Override]) -> None:
        self._source = source
        self._lines = lines
        self._overrides = overrides
        self._found: dict[Path, tuple[tuple[int, int], Problem]] = {}

    def add(self, path: Path, message: str, remedy: str = "", key: str | None = None) -> None:
        """Note a problem; only the first one of a path is kept, for it is the cause of the others.

        Args:
            path: What the problem is named after: `[space.dropout]`.
            message: `expected ..., received ...`, without a full stop.
            remedy: A full sentence, or an empty string.
            key: The key below `path` that is wrong, when the message itself names it.
        """
        whole = path if key is None else (*path, key)
        if not self.has(whole):
            order, place = self.locate(whole, path)
            self._found[whole] = order, Problem(place, message, remedy)

    def has(self, path: Path) -> bool:
        """Whether a problem of this path, or of a table that it lies in, is known."""
        return any(path[:depth] in self._found for depth in range(1, len(path) + 1))

    def touches(self, path: Path) -> bool:
        """Whether a problem of this path, above it or below it is known."""
        return self.has(path) or any(found[: len(path)] == path for found in self._found)

    def problems(self) -> list[Problem]:
        """Every problem, in the order of the file's lines, then of the overrides."""
        return [problem for _, problem in sorted(self._found.values(), key=lambda entry: entry[0])]

    def locate(self, whole: Path, named: Path) -> tuple[tuple[int, int], str]:
        """Where a problem of `whole`, named after `named`, stands: its order and its place in words."""
        number = self._override_of(whole)
        if number is not None:
            return (1, number), self._overrides[number].place
        if self._lines is None:
            return (0, 0), f"{self._source} [{dotted(named)}]"
        known = (self._lines[whole[:end]] for end in range(len(whole), 0, -1) if whole[:end] in self._lines)
        line = next(known, 1)
        return (0, line), f"{self._source}:{line} [{dotted(named)}]"

    def _override_of(self, path: Path) -> int | None:
        """Which override set the value at `path`, set something in it, or made the table that lacks it."""
        paths = list(enumerate(override.path for override in self._overrides))
        above = [(len(given), n) for n, given in paths if path[: len(given)] == given]
        if above:
            return max(above)[1]
        below = [n for n, given in paths if given[: len(path)] == path]
        if not below and path[:-1] not in (self._lines or {}):
            below = [n for n, given in paths if len(path) > 1 and given[: len(path) - 1] == path[:-1]]
        return below[-1] if below else None
