"""One thing that was looked at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

Mark = Literal["ok", "warning", "problem"]
MARKS: tuple[Mark, ...] = get_args(Mark)


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Args:
        part: What it belongs to: `versions`, `machine`, `folders`, `storage`, `devices`.
        name: What it is.
        found: What there is, in words.
        mark: Whether that is as it should be. With a problem studies do not run as they should.
        remedy: What to do about it, in full sentences; empty where all is well.
    """

    part: str
    name: str
    found: str
    mark: Mark = "ok"
    remedy: str = ""

    def to_json(self) -> dict[str, Any]:
        """One entry of `regsearch doctor --format json`."""
        return {
            "part": self.part,
            "name": self.name,
            "mark": self.mark,
            "found": self.found,
            "remedy": self.remedy or None,
        }


def size_in_words(n_bytes: float) -> str:
    """`1.5 GiB`, `20 MiB`."""
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if n_bytes < 1024 or unit == "GiB":
            break
        n_bytes /= 1024
    return f"{n_bytes:.0f} {unit}" if unit == "bytes" or n_bytes >= 10 else f"{n_bytes:.1f} {unit}"
