"""Folders that are written to: the user's cache and the one for temporary files."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from search.data.cache_folder import VARIABLE, cache_base
from search.reporting.health._base import Finding, size_in_words

_LITTLE_BYTES = 2**30
_TOO_LITTLE_BYTES = 100 * 2**20


def check_folders() -> Iterator[Finding]:
    """The cache, its size and whether it may be written; room for temporary files."""
    yield _cache()
    yield _temporary()


def _cache() -> Finding:
    base = cache_base()
    if not base:
        remedy = f"Unset {VARIABLE}, or name a folder: then programs are compiled once and kept."
        return Finding("folders", "cache", f"none, for {VARIABLE} is empty", "warning", remedy)
    folder = Path(base)
    if not _is_writable(folder):
        remedy = f"Make it writable, or name another in {VARIABLE}: programs are compiled anew in each session."
        return Finding("folders", "cache", f"{folder}, which may not be written", "warning", remedy)
    if not folder.exists():
        return Finding("folders", "cache", f"{folder}, not made yet")
    return Finding("folders", "cache", f"{folder}, {size_in_words(_size(folder))}")


def _temporary() -> Finding:
    try:
        folder = tempfile.gettempdir()
        free = shutil.disk_usage(folder).free
    except OSError as error:
        remedy = "Name a folder that may be written in TMPDIR."
        return Finding("folders", "temporary", str(error.strerror or error), "problem", remedy)
    found = f"{folder}, {size_in_words(free)} free"
    remedy = "Free some room, or name another folder in TMPDIR."
    if free < _TOO_LITTLE_BYTES:
        return Finding("folders", "temporary", found, "problem", remedy)
    if free < _LITTLE_BYTES:
        return Finding("folders", "temporary", found, "warning", remedy)
    return Finding("folders", "temporary", found)


def _is_writable(folder: Path) -> bool:
    """Whether it may be written, or made where it is not there yet."""
    nearest = next((each for each in (folder, *folder.absolute().parents) if each.exists()), Path("/"))
    return nearest.is_dir() and os.access(nearest, os.W_OK | os.X_OK)


def _size(folder: Path) -> int:
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.lstat(os.path.join(parent, name)).st_size  # noqa: PTH118 - a path each costs half the time
            except OSError:
                continue
    return total
