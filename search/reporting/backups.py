"""One study as a file of its own, and back: a SQLite database that holds it alone."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from search.errors import Problem, StorageError, UsageError
from search.records import StudyRecord
from search.reporting.exports.writing import check_place, staged
from search.spec import check_study_name
from search.storage import Storage, file_url, open_storage, write_blank_file


@dataclass(frozen=True)
class Copied:
    """A study that was copied.

    Args:
        study: Its name where it came from.
        name: Its name where it is now.
        place: The file or the database, as it is shown.
        n_trials: Its trials, in whatever state.
    """

    study: str
    name: str
    place: str
    n_trials: int

    def to_json(self) -> dict[str, Any]:
        """JSON-ready."""
        return {"study": self.study, "name": self.name, "place": self.place, "n_trials": self.n_trials}


def back_up(storage: Storage, name: str, path: Path, *, replace: bool) -> Copied:
    """Write a study, as it is at one moment, to a file: whole or not at all, whatever moment the process is killed in.

    Args:
        storage: Where the study is; a coordinator may be at work on it.
        name: The study.
        path: The file.
        replace: Whether a file that is there is replaced.
    Raises:
        UnknownStudyError: There is no such study.
        UsageError: The file is there, is the study's own database, or cannot be written.
    """
    place = "--output"
    if storage.path is not None and path.resolve() == storage.path:
        raise UsageError(Problem(place, f"expected another file than the study's database, received {path}"))
    if path.exists() and not replace:
        message = f"expected a path where nothing is yet, received {path}"
        raise UsageError(Problem(place, message, "Add --force to replace it."))
    check_place(path)
    storage.study(name)
    with staged(path) as written:
        write_blank_file(written)
        with open_storage(file_url(written)) as backup:
            copied = storage.copy_study(name, backup, name)
            n_trials = backup.progress(copied.study_id).n_trials
    return Copied(name, name, str(path), n_trials)


def restore(path: Path, storage: Storage, name: str | None = None) -> Copied:
    """Copy the study of a backup into a database, where it goes on as it would have where it came from.

    Args:
        path: A file of `back_up`, of this version or an earlier one; it is not written to.
        storage: Where the study goes.
        name: Its name there; None for the one that it has.
    Raises:
        UsageError: The file is no backup of one study, or there is a study of that name.
        StudyLockedError: A coordinator is about to begin one.
    """
    if name is not None:
        check_study_name(name, "--name")
    with _opened(path) as backup:
        study = _only_study(backup, path)
        restored = backup.copy_study(study.name, storage, name or study.name)
    return Copied(study.name, restored.name, storage.url_shown, storage.progress(restored.study_id).n_trials)


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[Storage]:
    """A backup's database."""
    try:
        opened = open_storage(file_url(path))
    except StorageError as error:
        raise UsageError(Problem(str(path), "expected a file of `regsearch backup`", str(error))) from error
    with opened:
        yield opened


def _only_study(backup: Storage, path: Path) -> StudyRecord:
    studies = backup.studies()
    if len(studies) != 1:
        names = ", ".join(study.name for study in studies) or "none"
        message = f"expected a file of `regsearch backup`, with one study, received one with {names}"
        raise UsageError(Problem(str(path), message, "A whole database is opened by --storage."))
    return studies[0]
