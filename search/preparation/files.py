"""A study file becomes a `PreparedStudy`."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence
from pathlib import Path

from search.preparation.catalogue import default_catalogue
from search.preparation.preparing import prepare_spec
from search.preparation.shipped import find_study_file
from search.preparation.study import PreparedStudy
from search.spec import RESULT, place_in_study, read_result, read_study


def prepare_study(study: str, overrides: Sequence[str] = ()) -> PreparedStudy:
    """Read a study and everything it names.

    Args:
        study: A path to a study file, or the name of a shipped study.
        overrides: `table.key=value`, each as given to `--set`.

    Raises:
        StudyFileError: The file or an override is wrong, on its own or for this data.
        DataError: The data cannot be read or split.
    """
    path = find_study_file(study)
    spec = read_study(path, default_catalogue(), overrides)
    prepared = prepare_spec(spec, path.parent, functools.partial(place_in_study, path, overrides))
    return dataclasses.replace(prepared, notes=(*prepared.notes, *_notes_on_origin(path, prepared)))


def _notes_on_origin(path: Path, prepared: PreparedStudy) -> tuple[str, ...]:
    """What sets a study apart from the one that its file was exported from; nothing for other files."""
    origin = read_result(path)
    data = origin.get("data")
    theirs = data.get("sha256") if isinstance(data, dict) else None
    if not isinstance(theirs, str) or theirs == prepared.data_sha256:
        return ()
    return (
        f"The data is other than that of the study which this file was exported from (SHA-256 {theirs[:8]} there, "
        f"{prepared.data_sha256[:8]} here): scores are not to be compared with those in [{RESULT}].",
    )
