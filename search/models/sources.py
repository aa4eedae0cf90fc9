"""The user's model from where [model] says: a `.keras` file, or a function that builds it."""

from __future__ import annotations

from pathlib import Path

from search.data import InputShapes
from search.data.sources.child import call_builder
from search.data.sources.raw import find_file
from search.errors import Problem, StudyFileError
from search.models.families._base import output_layer
from search.models.reading import read_saved
from search.models.saved import SavedModel
from search.records import Task
from search.spec import ModelSection


def read_model(
    section: ModelSection,
    folder: Path,
    place: str,
    *,
    input_shape: tuple[int, ...],
    n_outputs: int,
    task: Task,
    timeout_seconds: float,
    inputs: InputShapes = (),
) -> SavedModel | None:
    """The user's model, read once a study; None for a model of a family.

    A builder is called in a child process, for it may import anything, as `build(input_shape=..., n_outputs=...)` with
    those of the two arguments that it takes: the shape of one row, or of several inputs a dictionary of shapes; and how
    many units predict.

    Args:
        section: [model] of the study file.
        folder: The folder to which its paths are relative.
        place: Where the model is named, for errors.
        input_shape: Shape of one row of the features, without the batch.
        n_outputs: Number of classes, or of targets for a regression.
        task: What is predicted.
        timeout_seconds: How long a builder may take; then it is killed with all that it started.
        inputs: Inputs that stand beside one another in a row; none where the data has but one.

    Raises:
        StudyFileError: There is no such file or function, it fails or takes too long, or the model is none that works.
    """
    if section.keras is not None:
        archive = find_file(section.keras, folder, place, key="keras").read_bytes()
    elif section.builder is not None:
        output, _ = output_layer(n_outputs, task)
        offered = {"input_shape": dict(inputs) or input_shape, "n_outputs": output.arguments["units"]}
        archive = _built(section.builder, folder, place, offered, timeout_seconds)
    else:
        return None
    return read_saved(archive, place, keeps_weights=section.weights == "saved")


def _built(builder: str, folder: Path, place: str, offered: dict[str, object], timeout_seconds: float) -> bytes:
    name, _, function = builder.rpartition(":")
    if not name.endswith(".py") or not function.isidentifier():
        raise StudyFileError(Problem(place, f'expected builder to be "FILE.py:function", received "{builder}"'))
    request = {
        "kind": "builder",
        "file": str(find_file(name, folder, place, key="builder").resolve()),
        "shown": name,
        "function": function,
        "options": offered,
        "folder": str(folder),
    }
    return call_builder(request, place, timeout_seconds)
