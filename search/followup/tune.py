"""`tune`: a study of a Keras model that is in memory, run from Python.

It writes what the shell would be given, a study file beside the model and the data, and runs that: the same checks, the
same search, and with a `directory` the same study to go on with, to browse and to export.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import multiprocessing
import tempfile
import tomllib
import warnings
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import ValidationError

from search.coordination.entry import find_same_study
from search.coordination.launching import Launch, run_study
from search.coordination.taught import final_runs
from search.data import (
    NamedArrays,
    PlainError,
    RowsFile,
    StoredRows,
    Written,
    collect,
    is_stream,
    most_bytes_in_memory,
    read_trusted,
    to_archive,
    to_arrays,
    write_member,
)
from search.dispatch import process_session
from search.errors import DataError, Problem, RepeatabilityWarning, StudyFailedError, UsageError
from search.followup.own_code import callback_settings, copied_code, is_subclassed, tell_layers
from search.followup.prediction import ModelCard
from search.followup.process_state import process_kept
from search.followup.refit import KerasModel, refit
from search.followup.telling import told
from search.followup.tune_options import PART, WEIGHT, ClassWeight, TuneOptions
from search.models import LOSSES, is_own_loss, loss_in_memory, read_saved
from search.preparation.drafted_data import Draft, draft_data
from search.preparation.drafting import draft_study
from search.preparation.files import prepare_study
from search.preparation.study import PreparedStudy
from search.records import Configuration, StudyRecord, Trial, Verdict
from search.records.wording import describe_configuration, show_value
from search.selection import choose_stored
from search.spec import TASK_LOSS, DataSection, SplitSection, StudySection, is_function
from search.spec.overrides import apply_overrides, parse_overrides
from search.spec.sections import Section
from search.storage import blank_database, open_storage
from search.user_code import code_trusted

_MODEL, _DATA, _STUDY, _DATABASE = "model.keras", "data.npz", "study.toml", "regsearch.db"


@dataclass(frozen=True)
class Tuned:
    """What `tune` found.

    Args:
        study: The study's record.
        trials: Every trial, by number; trial 0 is the baseline: the model as it was given.
        baseline: Trial 0; None when it failed.
        best: The trial with the best score.
        chosen: The trial that the study ends with: the one that was confirmed to beat the baseline, or the baseline.
        configuration: The chosen trial's configuration; a technique that is off is absent.
        model: The model with that configuration, trained on all rows (but for sealed ones, where a setting seals some);
            it predicts targets in their own unit.
        verdict: What the confirmation found: whether regularization helps, by how much, and how sure that is; None
            where nothing was confirmed, as with `"confirm.finalists=0"`: then `chosen` is the best of many.
        card: What the model does not say itself: the labels of its classes, and what makes probabilities of outputs
            that are none.
    """

    study: StudyRecord
    trials: tuple[Trial, ...]
    baseline: Trial | None
    best: Trial
    chosen: Trial
    configuration: Configuration
    model: KerasModel
    verdict: Verdict | None = None
    card: ModelCard = field(default=ModelCard(), repr=False)

    def __repr__(self) -> str:
        """A summary in a few lines."""
        study, facts = self.study, self.study.facts
        shown = [] if self.baseline is None else [("baseline", self.baseline)]
        lines = [f"Tuned({study.name!r}: {len(self.trials)} trials, {study.metric}, {study.direction}"]
        for called, trial in (*shown, ("chosen", self.chosen)):
            told = describe_configuration(trial.configuration, facts)
            lines.append(f"  {called:<9} {show_value(trial.score):>8}  trial {trial.number}: {told}")
        return "\n".join(lines) + ")"


def tune(
    model: KerasModel,
    x: Any,
    y: Any = None,
    n_trials: int = 50,
    *,
    space: Mapping[str, Any] | None = None,
    settings: Sequence[str] = (),
    name: str = "tune",
    n_jobs: int = 0,
    directory: str | Path | None = None,
    metric: str | None = None,
    epochs: int | None = None,
    folds: int | None = None,
    seed: int | None = None,
    test: float | None = None,
    sample_weight: Any = None,
    class_weight: ClassWeight | None = None,
    validation_data: tuple[Any, ...] | None = None,
    callbacks: Sequence[str | Callable[[], Any]] = (),
    verbose: bool | int = True,
) -> Tuned:
    """Find the regularization that makes a model generalize.

    Args:
        model: A Keras model, compiled or not; it stays as it is. Layers and losses of its own, and a subclassed model,
            come from one file that can be imported: workers run it. A compiled one is trained as it is
            compiled, unless a setting says otherwise. Weights begin anew for every run. A Sequential model without an
            input is given one that fits the rows.
        x: Features, shape (rows, ...): an array, a tensor, a list, or a DataFrame. Text of a DataFrame becomes one-hot
            inputs, dates, also those in text, become numbers, missing cells are filled and told, columns that name rows
            are left out, and numbers are scaled where there is any of these: then the model that comes out takes
            columns by name. `settings` say otherwise: `"data.drop=[]"`. Or a `tf.data.Dataset` or
            `keras.utils.PyDataset` of features and targets, whose rows fit into memory and come in the same order each
            time.
        y: Targets, shape (rows,) or (rows, targets); of several outputs by their names, or a list: the first is scored,
            or the one that the setting `"objective.output='NAME'"` names. None beside a data set.
        n_trials: Trials in all, the baseline among them.
        space: Technique to values, as in a study file: `{"l2": {"low": 1e-6, "high": 1e-1, "log": True}}`. Default:
            what suits the layers of the model.
        settings: Further settings as with `--set`: `["training.epochs=200", "objective.seeds=3"]`. No rows are sealed
            unless one says so: `"split.test=0.2"`. A loss of one's own is a function in a file:
            `"training.loss='FILE.py:function'"`.
        name: Name of the study.
        n_jobs: Worker processes; 0 trains in this process. They do not run the calling script: no
            `if __name__ == "__main__":` is needed.
        directory: Where study file, model, data and database are kept; calling again goes on with the study, and
            `regsearch dashboard --storage sqlite:///DIRECTORY/regsearch.db` shows it. Where the script builds the model
            anew, its layers need names of their own: Keras numbers the others on. Default: nothing is kept.
        metric: What a trial is judged by, as in [objective]: `roc_auc`, `mae`, or `FILE.py:function` beside the setting
            `'objective.direction="minimize"'`. Default: log_loss, mse, or, where a class is rare, `roc_auc` or
            `balanced_accuracy`.
        epochs: Epochs of a run, at most. Default: what suits the number of rows.
        folds: Folds of the cross-validation that scores a trial; 1 for a single holdout. Default: alike.
        seed: Seed of splits, initial weights and sampler.
        test: Rows that are sealed: a share or a count. Default: none.
        sample_weight: How much each row counts, in training and in scores, shape (rows,); rows of `validation_data`
            count 1.
        class_weight: `"balanced"`, or class to number, in training alone.
        validation_data: `(x, y)` of rows that score, in the place of a division of the others. All rows train the model
            that comes out.
        callbacks: Functions that return a Keras callback, or several, for each run: `"FILE.py:function"`, or those of a
            module that can be imported. Runs then train with Keras' own loop.
        verbose: Whether progress is told: by a bar in a notebook, else on standard error.

    The process is left as it was: Keras' names and dtype policy, random generators, environment variables, log levels.
    TensorFlow's threads cannot be changed once it was used. Where it was used on several before, as making a model
    does, a `RepeatabilityWarning` says so: two calls may then differ.

    Raises:
        StudyFileError: The space, a setting or the model cannot be used.
        DataError: The data cannot be used.
        StudyFailedError: Every trial failed.
    """
    x, y = _collected(x, y)
    _check(model, settings, space, n_jobs, validation_data)
    options = TuneOptions(
        metric, epochs, folds, seed, test, sample_weight, class_weight, has_validation_data=validation_data is not None
    )
    settings = [_with_whole_path(setting) for setting in (*options.settings, *settings)]
    settings += callback_settings(callbacks)
    _check_direction(options, settings)
    with contextlib.ExitStack() as stack:
        cautions = tuple(f"search.tune: {sentence}" for sentence in stack.enter_context(process_kept()))
        for caution in cautions:
            warnings.warn(caution, RepeatabilityWarning, stacklevel=2)
        stack.enter_context(code_trusted())  # which runs in this very process
        folder = stack.enter_context(_folder(directory))
        with tempfile.TemporaryDirectory(dir=folder, prefix=".") as made:
            fresh = Path(made)
            more = None
            if validation_data is not None:
                more = _by_name(validation_data[0], model), _by_output(validation_data[1], model)
            y = _by_output(y, model)
            features, target = to_arrays(_by_name(x, model), y, more)
            n_rows = _n_rows(target)
            rows = options.row_arrays(n_rows, n_rows if validation_data is None else _n_rows(y))
            draft = Draft(
                fresh,
                str(fresh / _MODEL),
                fresh / _DATA,
                name=name,
                prefix="",
                training=_given_training(model, settings) | options.training,
                weight=WEIGHT if WEIGHT in rows else None,
                column=PART if PART in rows else None,
                **_given_of_rows(settings),
            )
            _save_rows(fresh, features, target, rows)
            custom = _save_for_rows(model, draft)
            classes = _told_classes(target, fresh / _MODEL, custom)
            if classes is not target:
                _save_rows(fresh, features, classes, rows)
                if isinstance(features, dict):  # of other classes other rows may be sealed, which make other inputs
                    _save_for_rows(model, draft)
            draft = dataclasses.replace(draft, custom=None if custom is None else str(custom))
            with _problems_of_rows_that_score():
                (fresh / _STUDY).write_text(_with_space(draft_study(draft), space), encoding="utf-8")
            prepared = prepare_study(str(fresh / _STUDY), [*settings, f"study.n_trials={n_trials}"])
            facts = dataclasses.replace(prepared.facts, folder=str(folder.resolve()))
            prepared = dataclasses.replace(
                prepared, facts=facts, notes=(*prepared.notes, *_note_dropped(prepared, draft), *cautions)
            )
            if directory is None:
                (folder / _DATABASE).write_bytes(blank_database())
            storage = stack.enter_context(open_storage(f"sqlite:///{folder / _DATABASE}", create=True))
            # Before files take the place of those that another study needs.
            prepared, _ = find_same_study(prepared, storage, renaming="name=")
            for file in (_MODEL, _DATA, _STUDY, *([] if custom is None else [custom.name])):
                (fresh / file).replace(folder / file)
            data_file = (folder / _DATA).resolve()
            plan = dataclasses.replace(prepared.plan, dataset=prepared.plan.dataset.at(data_file))
            prepared = dataclasses.replace(prepared, plan=plan, sealed=prepared.sealed.at(data_file))
        # Cautions were warnings.
        telling = stack.enter_context(told(prepared, cautions)) if verbose else None
        study = run_study(prepared, storage, Launch(n_jobs, command="search.tune"), telling)
        trials = tuple(storage.trials(study.study_id))
        choice = choose_stored(storage, study, trials)
        if choice.best is None or choice.chosen is None:
            raise StudyFailedError(f"{name}: expected a trial with a score, received none.")
        chosen = choice.chosen
        final = final_runs(prepared, storage, study.study_id, chosen)
        # Where this process trained, what it compiled is there for the next study that is like this one.
        trained = refit(prepared, chosen.configuration, final, None if n_jobs else process_session())
        tuned = Tuned(
            study,
            trials,
            choice.baseline,
            choice.best,
            chosen,
            chosen.configuration,
            trained.model,
            choice.verdict,
            trained.card,
        )
        if telling is not None:
            telling.tell_result(repr(tuned))
        return tuned


def _check(model: Any, settings: Any, space: Any, n_jobs: int, validation_data: Any) -> None:
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


def _collected(x: Any, y: Any) -> tuple[Any, Any]:
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


def _by_name(x: Any, model: KerasModel) -> Any:
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


def _by_output(y: Any, model: KerasModel) -> Any:
    """Targets of a model of several outputs, each by the name of its output, however `fit` takes them."""
    names = list(getattr(model, "output_names", None) or ())
    if len(names) < 2 or isinstance(y, Mapping) or not isinstance(y, list | tuple) or len(y) != len(names):
        return y
    return dict(zip(names, y, strict=True))


def _given_of_rows(settings: Sequence[str]) -> dict[str, Any]:
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


def _n_rows(y: Any) -> int:
    """The number of rows that targets are of."""
    arrays = y.arrays if isinstance(y, NamedArrays) else y
    return len(next(iter(arrays.values())) if isinstance(arrays, Mapping) else arrays)


def _check_direction(options: TuneOptions, settings: Sequence[str]) -> None:
    """Refuse a function as the metric where no setting says which way is better."""
    told = {setting.partition("=")[0].strip() for setting in settings}
    if options.metric is not None and is_function(options.metric) and "objective.direction" not in told:
        message = f'expected a direction beside "{options.metric}", received none'
        remedy = 'Add \'objective.direction="minimize"\', or "maximize", to settings.'
        raise UsageError(Problem("metric", message, remedy))


def _save_for_rows(model: KerasModel, draft: Draft) -> Path | None:
    """Save a model, built for the rows where it was not yet; and the code that it needs, whose file is returned."""
    file = Path(draft.model)
    is_open = type(model).__name__ == "Sequential" and not model.built
    _save(_with_input(model, draft_data(draft).shape) if is_open else model, file)
    custom = copied_code(file)
    if custom is not None and is_subclassed(model):
        tell_layers(model, draft_data(draft).shape, file)
    return custom


def _note_dropped(prepared: PreparedStudy, draft: Draft) -> tuple[str, ...]:
    """Which columns the draft leaves out, where the caller said nothing of that."""
    dropped = () if "drop" in draft.given else prepared.spec.data.drop or ()
    if not dropped:
        return ()
    named = ", ".join(f'"{name}"' for name in dropped)
    return (f'Left out, since they name rows: {named}. settings=["data.drop=[]"] keeps them.',)


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


def _with_whole_path(setting: str) -> str:
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


def _given_training(model: KerasModel, settings: Sequence[str]) -> dict[str, Any]:
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


@contextlib.contextmanager
def _folder(directory: str | Path | None) -> Iterator[Path]:
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


def _save_rows(
    folder: Path, features: Any, target: npt.NDArray[Any] | NamedArrays, rows: Mapping[str, npt.NDArray[Any]]
) -> None:
    arrays: dict[str, Any] = {**to_archive(features, target), **rows}
    stored = {name: arrays.pop(name) for name in list(arrays) if isinstance(arrays[name], StoredRows)}
    np.savez(folder / _DATA, **arrays)
    with zipfile.ZipFile(folder / _DATA, "a") as archive:
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


def _with_space(study: str, space: Mapping[str, Any] | None) -> str:
    """The study file with the caller's space in the place of the one that was drafted."""
    if space is None:
        return study
    import tomlkit

    document = tomlkit.parse(study)
    document["space"] = {name: _plain(values, name) for name, values in space.items()}
    return tomlkit.dumps(document)
