"""The user's cache folder: what outlives the process, and may be deleted at any time.

Everything here may fail without anybody noticing: a disk that is full, a home that nobody may write to.
"""

from __future__ import annotations

import contextlib
import functools
import os
import stat
import tempfile
from pathlib import Path

from search.data.cache_folder import VARIABLE, cache_base


def own_folder(kind: str, name: str, ending: str, most_bytes: int) -> Path | None:
    """A folder that nobody else can write to; None where there is none.

    Args:
        kind: What is kept there: `programs`.
        name: Tells apart what of that kind does not go together.
        ending: How the names of its files end.
        most_bytes: Of all files of the kind; those used least recently are deleted until the rest fits.
    """
    return _own_folder(cache_base(), kind, name, ending, most_bytes)


def keep_file(path: Path, content: bytes) -> None:
    """Write a file, whole or not at all, if there is room."""
    with contextlib.suppress(OSError), tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
        try:
            file.write(content)
            file.close()
            Path(file.name).replace(path)
        except BaseException:
            Path(file.name).unlink(missing_ok=True)
            raise


@functools.cache
def _own_folder(base: str, kind: str, name: str, ending: str, most_bytes: int) -> Path | None:
    if not base:
        return None
    folder = Path(base).absolute() / kind / name
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not _is_ours_alone(folder):
            return None
        _bound(folder.parent, ending, most_bytes)
    except OSError:
        return None
    return folder


def _is_ours_alone(folder: Path) -> bool:
    """Whether nobody else can put a file there: a program would be run."""
    if not hasattr(os, "getuid"):
        return True
    found = folder.stat()
    return found.st_uid == os.getuid() and not found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def _bound(folder: Path, ending: str, most_bytes: int) -> None:
    """Delete the files that were used least recently until the rest fits."""
    used = []
    for path in folder.rglob(f"*{ending}"):
        with contextlib.suppress(OSError):  # another process did the same
            found = path.stat()
            used.append((found.st_mtime, found.st_size, path))
    n_bytes = sum(size for _, size, _ in used)
    for _, size, path in sorted(used):
        if n_bytes <= most_bytes:
            break
        path.unlink(missing_ok=True)
        n_bytes -= size


__all__ = ["VARIABLE", "cache_base", "keep_file", "own_folder"]
