"""The user's model from where [model] says: a `.keras` file, or a function that builds it."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from search.data import InputShapes, NamedOutput, read_trusted
from search.data.sources.child import call_builder
from search.data.sources.raw import find_code, find_file
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
    outputs: Sequence[NamedOutput] = (),
    variants: Sequence[Mapping[str, Any]] = (),
) -> SavedModel | None:
    """The user's model, read once a study; None for a model of a family.

    A builder is called in a child process, for it may import anything, as `build(input_shape=..., n_outputs=...)` with
    those of the two arguments that it takes: the shape of one row, or of several inputs a dictionary of shapes; and how
    many units predict, or of several outputs a dictionary of these. The `options` of [model] it has to take.

    Args:
        section: [model] of the study file.
        folder: The folder to which its paths are relative.
        place: Where the model is named, for errors.
        input_shape: Shape of one row of the features, without the batch.
        n_outputs: Number of classes, or of targets for a regression.
        task: What is predicted.
        timeout_seconds: How long a builder may take; then it is killed with all that it started.
        inputs: Inputs that stand beside one another in a row; none where the data has but one.
        outputs: What each of several outputs predicts; none where the data has but one target.
        variants: Options of a builder that the study may choose beside those of [model]: `SavedModel.variants`.

    Raises:
        StudyFileError: There is no such file or function, it fails or takes too long, or the model is none that works.
    """
    if section.keras is None and section.builder is None:
        return None
    custom = None if section.custom is None else read_trusted(section.custom, folder, place)
    read = functools.partial(read_saved, place=place, keeps_weights=section.weights == "saved", custom=custom)
    if section.builder is None:
        return read(find_file(str(section.keras), folder, place, key="keras").read_bytes())
    units = {each.name: _units(each.n_outputs, each.task) for each in outputs} or _units(n_outputs, task)
    offered = {"input_shape": dict(inputs) or input_shape, "n_outputs": units}
    given = _plain(section.options or {})
    calls = [given, *({**given, **_plain(options)} for options in variants)]
    archives, defaults = _built(section.builder, folder, place, offered, calls, timeout_seconds, custom is not None)
    first, *others = map(read, archives)
    if not others:
        return first
    fingerprint = hashlib.sha256(" ".join(sorted({each.sha256 for each in others})).encode()).hexdigest()
    known = tuple(zip(calls[1:], others, strict=True))
    return replace(first, variants=known, defaults=tuple(defaults.items()), sha256=fingerprint)


def _units(n_outputs: int, task: Task) -> int:
    output, _ = output_layer(n_outputs, task)
    units: int = output.arguments["units"]
    return units


def _plain(options: Mapping[str, Any]) -> dict[str, Any]:
    return {name: list(value) if isinstance(value, tuple) else value for name, value in options.items()}


def _built(
    builder: str,
    folder: Path,
    place: str,
    offered: Mapping[str, object],
    calls: Sequence[Mapping[str, Any]],
    timeout_seconds: float,
    has_custom: bool,
) -> tuple[list[bytes], dict[str, Any]]:
    name, _, function = builder.rpartition(":")
    if not name.endswith(".py") or not function.isidentifier():
        raise StudyFileError(Problem(place, f'expected builder to be "FILE.py:function", received "{builder}"'))
    request = {
        "kind": "builder",
        "file": str(find_code(name, folder, place, key="builder").resolve()),
        "shown": name,
        "function": function,
        "options": offered,
        "calls": calls,
        "has_custom": has_custom,
        "asked": sorted({name for options in calls for name in options}),
        "folder": str(folder),
    }
    return call_builder(request, place, timeout_seconds)
