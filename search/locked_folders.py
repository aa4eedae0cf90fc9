"""Folders that are known for leftovers once the process that made them was killed.

Each is locked by who made it. The system frees the lock of a process that ended, however it ended, so that the next who
makes such a folder removes those that nobody locks. It stands on the ground floor.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path


@contextlib.contextmanager
def locked_folder(
    parent: Path, *, prefix: str, suffix: str = "", rescue: Callable[[Path], object] | None = None
) -> Iterator[Path]:
    """A folder of this process alone, which goes with the block; those like it that killed processes left go first.

    Args:
        parent: Where it stands.
        prefix: How its name begins, and that of those like it.
        suffix: How its name ends.
        rescue: Is given each leftover before it is removed; one in which it fails stays.

    Raises:
        OSError: It cannot be made there.
    """
    _remove_leftovers(parent, prefix, suffix, rescue)
    folder, lock = _made(parent, prefix, suffix)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        if lock is not None:
            os.close(lock)


def _made(parent: Path, prefix: str, suffix: str) -> tuple[Path, int | None]:
    while True:
        folder = Path(tempfile.mkdtemp(dir=parent, prefix=prefix, suffix=suffix))
        if sys.platform == "win32":
            return folder, None
        import fcntl

        lock = None
        with contextlib.suppress(FileNotFoundError):
            lock = os.open(folder, os.O_RDONLY)
            with contextlib.suppress(OSError):  # a file system without locks: nobody takes it for a leftover either
                fcntl.flock(lock, fcntl.LOCK_EX)
            if folder.exists():
                return folder, lock
        if lock is not None:  # taken for a leftover between its making and its locking
            os.close(lock)


def _remove_leftovers(parent: Path, prefix: str, suffix: str, rescue: Callable[[Path], object] | None) -> None:
    if sys.platform == "win32":
        return
    import fcntl

    try:
        beside = list(parent.iterdir())
    except OSError:  # it can be written in, but not read; or making a folder there will say what is wrong
        return
    for folder in beside:
        middle = folder.name.removeprefix(prefix).removesuffix(suffix)
        is_ours = folder.name == f"{prefix}{middle}{suffix}" and middle.replace("_", "").isalnum()
        if not is_ours or folder.is_symlink() or not folder.is_dir():
            continue
        with contextlib.suppress(OSError):  # another process writes in it, has just removed it, or owns it
            lock = os.open(folder, os.O_RDONLY)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if rescue is not None:
                    rescue(folder)
                shutil.rmtree(folder)
            finally:
                os.close(lock)
