"""Files of code that a study names: where they may be, and whether they may be run."""

from __future__ import annotations

from pathlib import Path

from search.data.functions import SourceModule
from search.data.sources.raw import find_code, find_file
from search.errors import DataError, Problem, StudyFileError
from search.user_code import is_code_trusted


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
    if not is_code_trusted():
        message = f'expected --trust beside custom = "{named}", received none'
        raise StudyFileError(Problem(place, message, "The file is run by this process and by workers: read it first."))
    path = find_code(named, folder, place, key="custom")
    try:
        return SourceModule(named, path.read_bytes().decode())
    except (OSError, ValueError) as error:
        message = f"expected custom to name a Python file in UTF-8, received {named}: {error}"
        raise DataError(Problem(place, message)) from error
