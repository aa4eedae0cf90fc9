"""Whether code that comes with a model may be run: only who asks for it has it run, and then is told."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar
from pathlib import Path

from search.data.functions import SourceModule
from search.data.sources.raw import find_file
from search.errors import DataError, Problem, StudyFileError

_IS_TRUSTED: ContextVar[bool] = ContextVar("is_trusted", default=False)


@contextlib.contextmanager
def code_trusted() -> Iterator[None]:
    """Let code that comes with models be run by what is called inside."""
    token = _IS_TRUSTED.set(True)
    try:
        yield
    finally:
        _IS_TRUSTED.reset(token)


def read_trusted(named: str, folder: Path, place: str) -> SourceModule:
    """The file of the user's own classes; nothing of it is run.

    Args:
        named: What the study says.
        folder: The study's folder; the file stands there, or below.
        place: Where the file is named, for errors.

    Raises:
        StudyFileError: Nobody has said that it may be run, or it stands elsewhere.
        DataError: There is no such file, or it is no text.
    """
    path = find_file(named, folder, place, key="custom")
    if not path.resolve().is_relative_to(folder.resolve()):
        message = f'expected a file in the folder of the study, or below, received "{named}"'
        raise StudyFileError(Problem(place, message, "Copy it there."))
    if not _IS_TRUSTED.get():
        message = f'expected --trust beside custom = "{named}", received none'
        raise StudyFileError(Problem(place, message, "The file is run by this process and by workers: read it first."))
    try:
        return SourceModule(named, path.read_bytes().decode())
    except (OSError, ValueError) as error:
        message = f"expected custom to name a Python file in UTF-8, received {named}: {error}"
        raise DataError(Problem(place, message)) from error
