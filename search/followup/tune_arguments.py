"""What `tune` is given in Python, checked and as a study file says it."""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from search.data import NamedArrays, PlainError, RowsFile, Written, collect, is_stream, most_bytes_in_memory
from search.errors import Problem, UsageError
from search.followup.refit import KerasModel
from search.followup.tune_options import TuneOptions
from search.models import LOSSES, is_own_loss, loss_in_memory
from search.spec import TASK_LOSS, DataSection, SplitSection, StudySection, is_function
from search.spec.overrides import apply_overrides, parse_overrides
from search.spec.sections import Section


def check_arguments(model: Any, settings: Any, space: Any, n_jobs: int, validation_data: Any) -> None:
    """Refuse arguments of another kind before anything is written."""
    if validation_data is not None and not isinstance(validation_data, tuple | list):
        received = type(validation_data).__name__
        raise UsageError(Problem("validation_data", f"expected (x, y), received one {received}"))
    if validation_data is not None and len(validation_data) != 2:
        remedy = "Rows that score count 1 each: leave their weights out." if len(validation_data) == 3 else ""
        message = f"expected (x, y), received {len(validation_data)} of them"
        raise UsageError(Problem("validation_data", message, remedy))
    if isinstance(model, type) or not hasattr(model, "save") or not hasattr(model, "get_config"):
        received = f"the class {model.__name__}" if isinstance(model, type) else type(model).__name__
        raise UsageError(Problem("model", f"expected a Keras model, received {received}"))
    if isinstance(settings, str):
        raise UsageError(
            Problem("settings", f'expected a list of settings, received "{settings}"', "Put it in a list.")
        )
    if space is not None and not isinstance(space, Mapping):
        remedy = 'Write {"l2": {"low": 1e-6, "high": 1e-1, "log": True}}.'
        raise UsageError(Problem("space", f"expected a dict, received {type(space).__name__}", remedy))
    if n_jobs < 0:
        raise UsageError(Problem("n_jobs", f"expected 0 or more, received {n_jobs}"))
    if n_jobs and _is_importing_script():
        message = "expected a call that importing the script does not make, received one from a process that imports it"
        raise UsageError(Problem("n_jobs", message, 'Put the call under `if __name__ == "__main__":`.'))


def _is_importing_script() -> bool:
    """Whether this is a process of the caller's own that imports its script, and can start no others before it has."""
    return getattr(multiprocessing.current_process(), "_inheriting", False)  # nothing public tells it


def check_direction(options: TuneOptions, settings: Sequence[str]) -> None:
    """Refuse a function as the metric where no setting says which way is better."""
    told = {setting.partition("=")[0].strip() for setting in settings}
    if options.metric is not None and is_function(options.metric) and "objective.direction" not in told:
        message = f'expected a direction beside "{options.metric}", received none'
        remedy = 'Add \'objective.direction="minimize"\', or "maximize", to settings.'
        raise UsageError(Problem("metric", message, remedy))


def collected(x: Any, y: Any) -> tuple[Any, Any]:
    """Features and targets; those of a data set in batches as arrays."""
    if not is_stream(x):
        if y is None:
            raise UsageError(Problem("y", "expected targets, received none", "A data set in batches brings its own."))
        return x, y
    if y is not None:
        raise UsageError(Problem("y", "expected no targets beside a data set, which brings its own, received some"))
    try:
        room = RowsFile()
        features, target = collect(x, most_bytes_in_memory(None), room.path)
        return room.stored(features) if isinstance(features, Written) else features, target
    except PlainError as error:
        raise UsageError(Problem("x", str(error))) from error


def by_name(x: Any, model: KerasModel) -> Any:
    """Features of a model of several inputs, each by the name of its `keras.Input`, however `fit` takes them."""
    tensors = getattr(model, "inputs", None) or ()
    if len(tensors) < 2:
        return x
    names, keyed = [tensor.name for tensor in tensors], getattr(model, "input", None)
    if isinstance(x, Mapping) and isinstance(keyed, Mapping):
        by_key = {key: tensor.name for key, tensor in keyed.items()}
        return {by_key.get(key, key): values for key, values in x.items()}
    if isinstance(x, list | tuple) and len(x) == len(names):
        return dict(zip(names, x, strict=True))
    return x


def by_output(y: Any, model: KerasModel) -> Any:
    """Targets of a model of several outputs, each by the name of its output, however `fit` takes them."""
    names = list(getattr(model, "output_names", None) or ())
    if len(names) < 2 or isinstance(y, Mapping) or not isinstance(y, list | tuple) or len(y) != len(names):
        return y
    return dict(zip(names, y, strict=True))


def n_rows(y: Any) -> int:
    """The number of rows that targets are of."""
    arrays = y.arrays if isinstance(y, NamedArrays) else y
    return len(next(iter(arrays.values())) if isinstance(arrays, Mapping) else arrays)


def with_whole_path(setting: str) -> str:
    """A setting; the file of a loss or a metric, which is relative to the working directory, with its whole path."""
    key, _, written = setting.partition("=")
    value: Any = written
    if key.strip() not in ("training.loss", "objective.metric"):
        return setting
    with contextlib.suppress(tomllib.TOMLDecodeError):  # said where settings are read
        value = tomllib.loads(f"value = {written}")["value"]
    if not isinstance(value, str) or not is_function(value):
        return setting
    file, _, function = value.rpartition(":")
    return f"{key.strip()}={json.dumps(f'{Path(file).resolve()}:{function}')}"


def given_of_rows(settings: Sequence[str]) -> dict[str, Any]:
    """What settings say of the rows, as `Draft` takes it; what they say wrong is told where they are read."""
    document: dict[str, Any] = {}
    apply_overrides(document, parse_overrides(settings)[0])
    objective = document.get("objective", {})
    output = objective.get("output") if isinstance(objective, dict) else None
    return {
        "given": _valid(DataSection, document.get("data"), {"source": "npz"}),
        "test": _valid(SplitSection, document.get("split"), {}).get("test"),
        "seed": _valid(StudySection, document.get("study"), {"name": "tune"}).get("seed"),
        "output": None if output is None else str(output).strip(),
    }


def _valid(section: type[Section], given: Any, needed: Mapping[str, Any]) -> dict[str, Any]:
    """What was given of a table of a study file, but for what it needs; nothing where that is wrong."""
    if not isinstance(given, dict):
        return {}
    try:
        # As JSON, since lists of a file are tuples of a table.
        made = section.model_validate_json(json.dumps({**given, **needed}, default=str))
    except ValidationError:
        return {}
    return {key: getattr(made, key) for key in given if key not in needed}


def given_training(model: KerasModel, settings: Sequence[str]) -> dict[str, Any]:
    """What settings say of optimizer and loss, whatever the model's file will tell."""
    loss = loss_in_memory(getattr(model, "loss", None))
    given: dict[str, Any] = {} if loss is None else {"loss": loss}
    for setting in settings:
        key, _, value = setting.partition("=")
        table, _, name = key.strip().partition(".")
        if table == "training" and name in ("optimizer", "loss"):
            with contextlib.suppress(tomllib.TOMLDecodeError):  # said where settings are read
                given[name] = tomllib.loads(f"value = {value}")["value"]
    if "loss" in given and not _is_known(given["loss"]):
        del given["loss"]  # said where settings are read
    if "loss" not in given and is_own_loss(getattr(model, "loss", None)):
        message = f"expected a loss of Keras, received a function of its own that is called {model.loss.__name__}"
        remedy = 'Set "training.loss" to one of Keras, to "FILE.py:function", or to "task".'
        raise UsageError(Problem("model", message, remedy))
    return given


def _is_known(loss: Any) -> bool:
    name = loss.get("name") if isinstance(loss, Mapping) else loss
    return isinstance(name, str) and (name == TASK_LOSS or name in LOSSES or is_function(name))
