"""Compiled programs outlive the process: XLA keeps them in the user's cache folder, and finds them there again.

A program is stored under what it computes, and TensorFlow 2.21 compares it word for word before it is taken; but words
only name the program, not the processor, XLA's flags or TensorFlow's version. So there is a folder for each of those.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import platform
import stat
from collections.abc import Iterable, Iterator
from importlib.metadata import version
from pathlib import Path

import platformdirs

VARIABLE = "REGSEARCH_CACHE"
"""Environment variable: the folder to use in the place of the user's cache folder; empty for none."""

MOST_BYTES = 512 * 2**20
"""Of all programs together; a small one has about a megabyte."""

_FLAG = "tf_xla_persistent_cache_directory"


def cache_flags(given: str, flags: str, features: Iterable[str]) -> str:
    """Flags for TensorFlow's use of XLA by which it keeps programs, after what the user gave.

    Args:
        given: The user's, which win.
        flags: XLA's own flags, on which a program depends.
        features: What the processor can.

    Returns:
        `given` alone where there is no folder that is the user's own.
    """
    if _FLAG in given or (folder := _own_folder(flags, features)) is None:
        return given
    return f"{given} --{_FLAG}={folder}".strip()


def is_unreadable(error: Exception) -> bool:
    """Whether TensorFlow could not read a program that was kept: its file is damaged."""
    import tensorflow as tf

    return isinstance(error, (tf.errors.DataLossError, tf.errors.OutOfRangeError))


def forget_programs() -> None:
    """Delete what is kept for this processor and these flags, for some of it is damaged."""
    for part in os.environ.get("TF_XLA_FLAGS", "").split():
        name, _, folder = part.partition("=")
        if name.lstrip("-") == _FLAG:
            for path in _files(Path(folder)):
                path.unlink(missing_ok=True)


def _own_folder(flags: str, features: Iterable[str]) -> Path | None:
    base = os.environ.get(VARIABLE, platformdirs.user_cache_dir("regsearch"))
    # A space or a quote would end the flag.
    if not base or not set(base).isdisjoint(" \t\n\"'"):
        return None
    told = [version("tensorflow"), version("keras"), platform.machine(), platform.processor(), flags, *sorted(features)]
    folder = Path(base).absolute() / "programs" / hashlib.sha256("\n".join(told).encode()).hexdigest()[:16]
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not _is_ours_alone(folder) or not os.access(folder, os.W_OK):
            return None
        _bound(folder.parent)
    except OSError:
        return None
    return folder


def _is_ours_alone(folder: Path) -> bool:
    """Whether nobody else can put a program there: it would be run."""
    if not hasattr(os, "getuid"):
        return True
    found = folder.stat()
    return found.st_uid == os.getuid() and not found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def _bound(programs: Path) -> None:
    """Delete the programs that were used least recently, of all processors and versions, until the rest fits."""
    used = []
    for path in _files(programs):
        with contextlib.suppress(OSError):  # another process did the same
            found = path.stat()
            used.append((max(found.st_atime, found.st_mtime), found.st_size, path))
    n_bytes = sum(size for _, size, _ in used)
    for _, size, path in sorted(used):
        if n_bytes <= MOST_BYTES:
            break
        path.unlink(missing_ok=True)
        n_bytes -= size


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("xla_compile_cache*") if path.is_file())
