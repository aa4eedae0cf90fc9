"""Study files, and those that come with regsearch, found without reading them: a shell completes their names."""

from __future__ import annotations

import difflib
from pathlib import Path

from search.errors import Problem, StudyFileError


def find_study_file(study: str) -> Path:
    """The file of a study given as a path or by its name.

    Args:
        study: A path to a TOML file, or the name of a shipped study (`moons`).

    Raises:
        StudyFileError: There is no such file and no shipped study of that name.
    """
    path = Path(study)
    if path.suffix == ".toml" or path.exists() or len(path.parts) > 1:
        if path.is_file():
            return path
        raise StudyFileError(Problem(study, "expected a study file, received a path without a file", _list()))
    shipped = shipped_studies()
    if study in shipped:
        return shipped[study]
    near = difflib.get_close_matches(study, shipped, n=1)
    hint = f'Did you mean "{near[0]}"?' if near else _list()
    raise StudyFileError(Problem(study, "expected a TOML file or the name of a shipped study, received neither", hint))


def shipped_studies() -> dict[str, Path]:
    """Name to file of every study that comes with regsearch.

    An editable install does not see hatchling's `force-include`, so a checkout's `studies/` beside the
    package comes first, the copy inside the installed package second.
    """
    package = Path(__file__).parents[1]
    for folder in (package.parent / "studies", package / "_studies"):
        files = sorted(folder.glob("*.toml"))
        if files:
            return {file.stem: file for file in files}
    return {}


def _list() -> str:
    return f"Shipped studies: {', '.join(shipped_studies())}."
