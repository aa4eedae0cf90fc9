"""The chosen configuration as a file; a new format is one file and one line in `EXPORTS`.

`chosen` gathers what is exported; each format turns that into text.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from search.errors import Problem, UsageError
from search.reporting.exports._json import export_json
from search.reporting.exports._python import export_python
from search.reporting.exports._toml import export_toml
from search.reporting.exports._yaml import export_yaml
from search.reporting.exports.chosen import Chosen, gather_chosen
from search.storage import Storage

EXPORTS: dict[str, Callable[[Chosen], str]] = {
    "toml": export_toml,
    "json": export_json,
    "yaml": export_yaml,
    "python": export_python,
}


def export_best(storage: Storage, name: str, format_: str) -> str:
    """The best configuration of a study as text.

    Args:
        storage: An open database.
        name: The study.
        format_: A key of `EXPORTS`.

    Raises:
        UnknownStudyError: There is no such study.
        StudyFailedError: No trial of the study has a score.
        UsageError: The format is not available.
    """
    if format_ not in EXPORTS:
        raise UsageError(
            Problem(
                "--format",
                f'expected one of {", ".join(EXPORTS)}, received "{format_}", which is not available yet',
            )
        )
    return EXPORTS[format_](gather_chosen(storage, name))


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
