"""A model, rows and a space that are in memory become files, as the shell is given them."""

from __future__ import annotations

import contextlib
import dataclasses
import tempfile
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from search.data import NamedArrays, StoredRows, read_trusted, to_archive, to_arrays, write_member
from search.errors import DataError, Problem, UsageError
from search.followup.own_code import copied_code, is_subclassed, tell_layers
from search.followup.refit import KerasModel
from search.followup.tune_arguments import by_name, by_output, given_of_rows, given_training, n_rows
from search.followup.tune_options import PART, WEIGHT, TuneOptions
from search.models import read_saved
from search.preparation.drafted_data import Draft, draft_data
from search.preparation.drafting import draft_study

MODEL_FILE, DATA_FILE, STUDY_FILE = "model.keras", "data.npz", "study.toml"


@contextlib.contextmanager
def study_folder(directory: str | Path | None) -> Iterator[Path]:
    """The folder where files of a study are kept; for the length of the block, where none is named.

    Raises:
        UsageError: It cannot be made.
    """
    if directory is None:
        with tempfile.TemporaryDirectory(prefix="regsearch-") as made:
            yield Path(made)
        return
    folder = Path(directory)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(
            Problem("directory", f"expected a directory that can be written, received {folder}: {error.strerror}")
        ) from error
    yield folder


def write_study(
    folder: Path,
    model: KerasModel,
    x: Any,
    y: Any,
    validation_data: Sequence[Any] | None,
    options: TuneOptions,
    settings: Sequence[str],
    space: Mapping[str, Any] | None,
    name: str,
) -> Draft:
    """Write model, rows and the study file that suits them into a folder.

    Args:
        folder: Where.
        model: As `tune` is given it.
        x: Features, in memory or in a file of rows.
        y: Targets.
        validation_data: Features and targets of rows that score; None where others do.
        options: What else `tune` is given.
        settings: Settings of the study, those of the options among them.
        space: Technique to values; None for what suits the model.
        name: The study's name.

    Returns:
        What the study file was drafted for.

    Raises:
        UsageError, DataError: Model, rows or space cannot be used.
    """
    more = None
    if validation_data is not None:
        more = by_name(validation_data[0], model), by_output(validation_data[1], model)
    y = by_output(y, model)
    features, target = to_arrays(by_name(x, model), y, more)
    n_all = n_rows(target)
    rows = options.row_arrays(n_all, n_all if validation_data is None else n_rows(y))
    draft = Draft(
        folder,
        str(folder / MODEL_FILE),
        folder / DATA_FILE,
        name=name,
        prefix="",
        training=given_training(model, settings) | options.training,
        weight=WEIGHT if WEIGHT in rows else None,
        column=PART if PART in rows else None,
        **given_of_rows(settings),
    )
    _save_rows(folder, features, target, rows)
    custom = _save_for_rows(model, draft)
    classes = _told_classes(target, folder / MODEL_FILE, custom)
    if classes is not target:
        _save_rows(folder, features, classes, rows)
        if isinstance(features, dict):  # of other classes other rows may be sealed, which make other inputs
            _save_for_rows(model, draft)
    draft = dataclasses.replace(draft, custom=None if custom is None else str(custom))
    with _problems_of_rows_that_score():
        (folder / STUDY_FILE).write_text(_with_space(draft_study(draft), space), encoding="utf-8")
    return draft


def files_of(draft: Draft) -> tuple[Path, ...]:
    """What `write_study` wrote."""
    named = (draft.folder / each for each in (MODEL_FILE, DATA_FILE, STUDY_FILE))
    return (*named, *([] if draft.custom is None else [Path(draft.custom)]))


def _save_for_rows(model: KerasModel, draft: Draft) -> Path | None:
    """Save a model, built for the rows where it was not yet; and the code that it needs, whose file is returned."""
    file = Path(draft.model)
    is_open = type(model).__name__ == "Sequential" and not model.built
    _save(_with_input(model, draft_data(draft).shape) if is_open else model, file)
    custom = copied_code(file)
    if custom is not None and is_subclassed(model):
        tell_layers(model, draft_data(draft).shape, file)
    return custom


def _with_input(model: KerasModel, shape: tuple[int, ...]) -> KerasModel:
    """A Sequential model that was not built yet as a copy that is built for rows of a shape."""
    copy = type(model).from_config(model.get_config())
    try:
        copy.build((None, *shape))
    except ValueError as error:
        message = f"expected layers that take rows of shape {shape}, received one that does not"
        raise UsageError(Problem("model", message, f"Keras says: {str(error).splitlines()[0]}")) from error
    if model.compiled:
        copy.compile_from_config(model.get_compile_config())
    return copy


def _save(model: KerasModel, path: Path) -> None:
    """Save the model; a lambda as its loss, say, cannot be."""
    try:
        model.save(path)
    except (OSError, TypeError, ValueError) as error:
        message = f"expected a model that Keras can save, received {type(error).__name__}: {error}"
        remedy = "Compile it with a loss of Keras or a function that has a name, or do not compile it."
        raise UsageError(Problem("model", message, remedy)) from error


def _save_rows(
    folder: Path, features: Any, target: npt.NDArray[Any] | NamedArrays, rows: Mapping[str, npt.NDArray[Any]]
) -> None:
    arrays: dict[str, Any] = {**to_archive(features, target), **rows}
    stored = {name: arrays.pop(name) for name in list(arrays) if isinstance(arrays[name], StoredRows)}
    np.savez(folder / DATA_FILE, **arrays)
    with zipfile.ZipFile(folder / DATA_FILE, "a") as archive:
        for name, values in stored.items():
            write_member(archive, name, values)


def _told_classes(
    target: npt.NDArray[Any] | NamedArrays, model: Path, custom: Path | None
) -> npt.NDArray[Any] | NamedArrays:
    """Targets as class indices where the model tells classes apart and Keras was given probabilities of 0 and 1."""
    module = None if custom is None else read_trusted(custom.name, custom.parent, "model")
    saved = read_saved(model.read_bytes(), "model", custom=module)
    if isinstance(target, NamedArrays):
        activations = {end.name: end.activation for end in saved.ends}
        given = target.arrays.items()
        return NamedArrays({name: _classes(values, activations.get(name, "linear")) for name, values in given})
    return _classes(target, saved.activation)


def _classes(target: npt.NDArray[Any], activation: str) -> npt.NDArray[Any]:
    if activation not in ("sigmoid", "softmax"):
        return target
    if target.dtype.kind not in "fbiu" or not np.array_equal(target, np.rint(target)):
        return target
    whole: npt.NDArray[np.int64] = target.astype(np.int64)
    if target.ndim == 2 and target.shape[1] > 1 and np.isin(whole, (0, 1)).all() and (whole.sum(axis=1) == 1).all():
        return np.asarray(np.argmax(whole, axis=1), np.int64)
    return whole


@contextlib.contextmanager
def _problems_of_rows_that_score() -> Iterator[None]:
    """Name `validation_data` where its rows are at fault: the caller gave no column that divides rows."""
    try:
        yield
    except DataError as error:
        remedy = "Give rows of every class, to train and to score."
        raise DataError(
            [
                dataclasses.replace(problem, place="validation_data", remedy=remedy)
                if problem.place == "data column"
                else problem
                for problem in error.problems
            ]
        ) from error


def _with_space(study: str, space: Mapping[str, Any] | None) -> str:
    """The study file with the caller's space in the place of the one that was drafted."""
    if space is None:
        return study
    import tomlkit

    document = tomlkit.parse(study)
    document["space"] = {name: _plain(values, name) for name, values in space.items()}
    return tomlkit.dumps(document)


def _plain(value: Any, name: str) -> Any:
    """Values of a space as a study file can hold them: NumPy's numbers and arrays become Python's."""
    if isinstance(value, Mapping):
        return {str(key): _plain(each, name) for key, each in value.items()}
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    if isinstance(value, list | tuple):
        return [_plain(each, name) for each in value]
    if isinstance(value, bool | int | float | str):
        return value
    remedy = 'Write {"low": 1e-6, "high": 1e-1, "log": True} or {"choices": [...]}.'
    raise UsageError(Problem(f'space["{name}"]', f"expected values, received {value!r}", remedy))
