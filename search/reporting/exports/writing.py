"""Files and folders are written whole or not at all, whatever moment the process is killed in.

What is written grows in a folder of its own beside its place, `.NAME.*.part`, reaches the disk, and then takes that
place in one step. The folder is locked by who writes in it (see `search.locked_folders`), so that the next export of
that name knows one that a killed process left, and removes it.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

from search.errors import Problem, UsageError
from search.locked_folders import locked_folder

_REPLACED = "replaced"
"""The name, in the folder beside, of a folder that waits to be replaced where the system cannot swap two."""

_AT_FDCWD, _RENAME_EXCHANGE = -100, 2


def write_export(text: str, path: Path) -> None:
    """Write `text` to `path`: an ordinary file whole or not at all, a link's target, a device or pipe as it is.

    Raises:
        UsageError: The file cannot be written there.
    """
    with _refusals(path):
        if _is_stream(path):
            path.write_text(text, encoding="utf-8", newline="\n")
            return
    with staged(path) as written:
        written.write_text(text, encoding="utf-8", newline="\n")


def check_place(path: Path) -> None:
    """Refuse a file that could not be written, before any work is done for it.

    Raises:
        UsageError: There is no such folder, or neither the file nor its folder may be written.
    """
    with _refusals(path):
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if not _is_stream(path):
            _check_folder(_followed(path))


@contextlib.contextmanager
def staged(path: Path) -> Iterator[Path]:
    """A path to write a file or a folder at, which takes the place of `path` when the block ends without an error.

    A link stays, and its target is replaced. A folder is swapped with the one that stood there, which is then removed.

    Args:
        path: A file, or a folder that may be replaced.

    Raises:
        UsageError: It cannot be written there.
    """
    with _refusals(path):
        target = _followed(path)
        _check_folder(target)
        with _folder_beside(target) as folder:
            written = folder / path.name
            yield written
            _sync(written)
            if written.is_dir():
                _replace_folder(written, target, folder)
            else:
                if target.exists():
                    written.chmod(target.stat().st_mode & 0o777)
                written.replace(target)
            _sync_entry(target.parent)


@contextlib.contextmanager
def _refusals(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UsageError(
            Problem("--output", f"expected a path that can be written, received {path}: {error.strerror or error}")
        ) from error


def _is_stream(path: Path) -> bool:
    """Whether a path is a device or a pipe: /dev/stdout leads to one, by a name that no folder has."""
    try:
        return not stat.S_ISREG(mode := path.stat().st_mode) and not stat.S_ISDIR(mode)
    except OSError:
        return False


def _followed(path: Path) -> Path:
    """Where a path leads to through links."""
    try:
        return path.resolve()
    except RuntimeError as error:  # links in a circle, up to Python 3.12
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP)) from error


def _check_folder(target: Path) -> None:
    if not target.parent.is_dir():
        code = errno.ENOTDIR if target.parent.exists() else errno.ENOENT
        raise OSError(code, os.strerror(code))
    if not os.access(target.parent, os.W_OK | os.X_OK):
        raise PermissionError(errno.EACCES, f"no right to write in {target.parent}")
    # Replacing a file asks its folder alone; who took the rights of the file itself wants it to stay.
    if target.is_file() and not target.stat().st_mode & (stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH):
        raise PermissionError(errno.EACCES, "read-only file")


@contextlib.contextmanager
def _folder_beside(target: Path) -> Iterator[Path]:
    """A folder of this process alone beside a file; those that killed processes left are removed."""

    def put_back(left: Path) -> None:
        if (waiting := left / _REPLACED).is_dir() and not target.exists():
            waiting.rename(target)

    with locked_folder(target.parent, prefix=f".{target.name}.", suffix=".part", rescue=put_back) as folder:
        yield folder


def _replace_folder(written: Path, target: Path, folder: Path) -> None:
    if not target.exists():
        written.rename(target)
        return
    written.chmod(target.stat().st_mode & 0o777)
    if not _swap(written, target):
        # Killed between these two, there is neither; the next export puts the old one back.
        target.rename(folder / _REPLACED)
        try:
            written.rename(target)
        except OSError:
            (folder / _REPLACED).rename(target)
            raise


def _swap(one: Path, other: Path) -> bool:
    """Let two folders change places in one step; False where the system cannot."""
    if sys.platform != "linux":
        return False
    rename = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if rename is None:
        return False
    failed = rename(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _RENAME_EXCHANGE)
    return not failed


def _sync(written: Path) -> None:
    """Let all that was written reach the disk, before anything is replaced by it."""
    for path in (written, *sorted(written.rglob("*"))) if written.is_dir() else (written,):
        _sync_entry(path)


def _sync_entry(path: Path) -> None:
    is_folder = path.is_dir()
    # Not every system opens folders, and not every file system flushes them: their names may come to the disk later.
    with contextlib.suppress(OSError) if is_folder else contextlib.nullcontext():
        descriptor = os.open(path, os.O_RDONLY if is_folder else os.O_RDWR)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
