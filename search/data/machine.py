"""How much memory there is for what a study asks for."""

from __future__ import annotations

import contextlib
import functools
import os
from pathlib import Path

from search.errors import DataError, Problem

_SHARE = 2
"""Of the memory half may be what is read at once; runs and workers have the other."""


@functools.cache
def machine_bytes() -> int:
    """The memory that this process may have: the machine's, or what its container is given."""
    physical = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if hasattr(os, "sysconf") else 8 * 2**30
    with contextlib.suppress(OSError, ValueError):
        return min(physical, int(Path("/sys/fs/cgroup/memory.max").read_text(encoding="ascii")))
    return physical


def in_gib(n_bytes: float) -> str:
    """Bytes as people read them: `4.8 GiB`."""
    return f"{n_bytes / 2**30:,.1f} GiB"


def check_fits(n_bytes: float, received: str, place: str, remedy: str) -> None:
    """Refuse data before any memory is taken for it.

    Args:
        n_bytes: What it would take, from the file to the inputs.
        received: What it is, in words: `"table.csv" of 4.8 GiB`.
        place: Where it was named.
        remedy: What to do about it.

    Raises:
        DataError: That is more than half of the memory.
    """
    room = machine_bytes() // _SHARE
    if n_bytes > room:
        message = f"expected data that takes at most {in_gib(room)}, half of the memory, received {received}"
        raise DataError(Problem(place, f"{message}, which takes about {in_gib(n_bytes)}", remedy))
