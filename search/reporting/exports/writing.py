"""Text goes to a file: whole or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from search.errors import Problem, UsageError


def write_export(text: str, path: Path) -> None:
    """Write `text` to `path`: an ordinary file whole or not at all, a link's target, a device or pipe as it is.

    Raises:
        UsageError: The file cannot be written there.
    """
    try:
        target = path.resolve()
        if target.exists() and not target.is_file():
            target.write_text(text, encoding="utf-8", newline="\n")
        else:
            _replace_file(text, target)
    except OSError as error:
        raise UsageError(
            Problem("--output", f"expected a path that can be written, received {path}: {error.strerror}")
        ) from error


def _replace_file(text: str, target: Path) -> None:
    descriptor, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
        # mkstemp makes files that only their owner may read; an export is an ordinary file.
        umask = os.umask(0)
        os.umask(umask)
        Path(temporary).chmod(target.stat().st_mode & 0o777 if target.exists() else 0o666 & ~umask)
        Path(temporary).replace(target)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
