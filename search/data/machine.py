"""How much memory there is for what a study asks for."""

from __future__ import annotations

import contextlib
import functools
import os
from pathlib import Path


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
