"""What runs in the child process: call Keras or the user's function, write arrays, a model or a problem.

Run as a script: `python -P _child.py FOLDER`, with a pickled request in FOLDER, as the leader of a process group, and
with a pipe for standard input that the parent holds open for as long as it lives.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import json
import os
import pickle
import random
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

REQUEST = "request.pickle"
ANSWER = "answer.npz"
PROBLEM = "problem.json"


class _Refused(Exception):  # noqa: N818 - it carries the parts of a problem, and never leaves this module
    def __init__(self, message: str, remedy: str = "", place: str = "") -> None:
        super().__init__(message)
        self.parts = {"place": place, "message": message, "remedy": remedy}


def main() -> None:
    """Answer the request in the folder that the command line names, into the same folder."""
    _end_with_parent()
    folder = Path(sys.argv[1])
    request = pickle.loads((folder / REQUEST).read_bytes())
    try:
        arrays = answer(request, folder)
    except _Refused as refused:
        (folder / PROBLEM).write_text(json.dumps(refused.parts), encoding="utf-8")
    else:
        np.savez(folder / "partial.npz", **arrays)
        (folder / "partial.npz").rename(folder / ANSWER)  # a child that dies while it writes leaves no answer


def _end_with_parent() -> None:
    """Kill this process, and those that it starts, when the pipe of standard input ends: its other side is gone.

    A parent that is killed itself can stop nobody, and a function that waits for ever would do so for ever.
    """
    pipe = os.dup(0)
    with Path(os.devnull).open("rb") as nothing:
        os.dup2(nothing.fileno(), 0)  # the user's function finds an empty input

    def wait_for_end() -> None:
        os.read(pipe, 1)
        os.killpg(0, signal.SIGKILL)

    threading.Thread(target=wait_for_end, daemon=True).start()


def answer(request: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """The arrays of an answer: `x` and `y`, each as `search.data.sources.raw.pack` packs them; or `model`, bytes.

    Args:
        request: `kind` is `keras` (with `name`), `function` or `builder` (both with `file`, `shown`, `function` and
            `folder`, the working directory); all with `options`, of which a builder is given those that it takes. Or it
            is `loss` (with `file`, `shown`, `function`, `folder`, and the file's `text`), with arrays `targets` and
            `predicted`; the answer is `losses`.
        folder: Where temporary files may stand: the parent removes it.
    """
    if request["kind"] == "builder":
        return {"model": np.frombuffer(_build_model(request, folder), np.uint8)}
    if request["kind"] == "loss":
        return {"losses": _try_loss(request)}
    x, y = _load_keras(request) if request["kind"] == "keras" else _call_function(request)
    from search.data.sources.raw import PlainError, pack, to_plain

    try:
        return {**pack("x", to_plain(x, "x")), **pack("y", to_plain(y, "y"))}
    except PlainError as error:
        raise _Refused(str(error)) from error


def _load_keras(request: Mapping[str, Any]) -> tuple[Any, Any]:
    name = request["name"]
    try:
        module = importlib.import_module(f"keras.datasets.{name}")
        (x_train, y_train), (x_test, y_test) = module.load_data(**request["options"])
        return np.concatenate([x_train, x_test]), np.concatenate([y_train, y_test])
    except Exception as error:  # network, disk, options: whatever failed, the user is told
        message = f"expected keras.datasets.{name} to load its data, received {_one_line(error)}"
        raise _Refused(message, "Check options and the network, or use an npz file.") from error


def _call_function(request: Mapping[str, Any]) -> tuple[Any, Any]:
    result, place = _call(request, "(x, y)", lambda function: function(**request["options"]))
    if not isinstance(result, (tuple, list)) or len(result) != 2:
        received = type(result).__name__
        if isinstance(result, (tuple, list)):
            received = f"{len(result)} values"
        raise _Refused(f"expected {request['function']} to return (x, y), received {received}", place=place)
    return result[0], result[1]


def _build_model(request: Mapping[str, Any], folder: Path) -> bytes:
    """The user's model in the `.keras` format; its initial weights repeat themselves."""
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    random.seed(0)  # from which Keras draws the seeds of initializers
    np.random.seed(0)
    model, place = _call(request, "a Keras model", lambda function: function(**_taken(function, request["options"])))
    name = request["function"]
    if "keras" not in sys.modules or not isinstance(model, sys.modules["keras"].Model):
        raise _Refused(f"expected {name} to return a Keras model, received {type(model).__name__}", place=place)
    path = folder / "model.keras"
    try:
        model.save(path)
    except Exception as error:  # whatever a layer of the user's raises
        message = f"expected {name} to return a model that can be saved, received {_one_line(error)}"
        raise _Refused(message, place=place) from error
    return path.read_bytes()


def _try_loss(request: Mapping[str, Any]) -> Any:
    """What the user's function makes of a few rows, traced as an engine traces it."""
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    import tensorflow as tf

    name, shown = request["function"], request["shown"]
    targets, predicted = (np.asarray(request[key]) for key in ("targets", "predicted"))
    function, place = _call(request, "one loss a row", lambda loaded: loaded)

    def tried(y: Any, outputs: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(outputs)
            of_rows = function(y, outputs)
            if not tf.is_tensor(of_rows):
                wanted = f"expected {name} to return a tensor of one loss a row, received {type(of_rows).__name__}"
                raise _Refused(wanted, "Compute it with keras.ops or TensorFlow.", place)
            if of_rows.shape.as_list() != [len(targets)]:
                raise _Refused(
                    f"expected {name} to return one loss a row, shape ({len(targets)},), received shape "
                    f"{tuple(of_rows.shape.as_list())} for targets of shape {targets.shape} and predictions of shape "
                    f"{predicted.shape}",
                    "Take the mean over the last axis alone: keras.ops.mean(..., axis=-1).",
                    place,
                )
            of_rows = tf.cast(of_rows, tf.float32)
        return of_rows, tape.gradient(of_rows, outputs)

    try:
        losses, gradient = tf.function(tried, autograph=False)(tf.constant(targets), tf.constant(predicted))
    except _Refused:
        raise
    except BaseException as error:  # the user's code can raise anything, SystemExit too
        line = _last_line(error, shown)
        message = (
            f"expected {name} to return one loss a row for targets of shape {targets.shape} and predictions of shape "
            f"{predicted.shape}, received {_one_line(error)}"
        )
        raise _Refused(message, place=f"{shown}:{line}" if line else place) from error
    return _checked_losses(name, place, targets, predicted, losses, gradient)


def _checked_losses(name: str, place: str, targets: Any, predicted: Any, losses: Any, gradient: Any) -> Any:
    values: Any = losses.numpy()
    if gradient is None:
        message = f"expected {name} to depend on what is predicted, received losses without a gradient"
        raise _Refused(message, "Compute it with keras.ops or TensorFlow, not with NumPy.", place)
    wrong = np.flatnonzero(~np.isfinite(values) | ~np.isfinite(gradient.numpy()).all(axis=1))
    if len(wrong):
        row = int(wrong[0])
        what = f"{values[row]}" if not np.isfinite(values[row]) else f"{values[row]:.6g} with a gradient that is not"
        message = (
            f"expected {name} to return finite losses, received {what} for the target {targets[row].tolist()} and the "
            f"prediction {[float(f'{each:.4g}') for each in predicted[row]]}"
        )
        raise _Refused(message, place=place)
    return values


def _taken(function: Callable[..., Any], offered: Mapping[str, Any]) -> dict[str, Any]:
    """What a function takes of the arguments that it is offered."""
    parameters = inspect.signature(function).parameters
    takes_all = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values())
    return {name: value for name, value in offered.items() if takes_all or name in parameters}


def _call(request: Mapping[str, Any], wanted: str, call: Callable[[Callable[..., Any]], Any]) -> tuple[Any, str]:
    """What the user's function returns, and where it stands."""
    file, shown = request["file"], request["shown"]
    os.chdir(request["folder"])
    try:
        if "text" in request:
            function = _run_text(request["text"], file, request["function"])
        else:
            sys.path.insert(0, str(Path(file).parent))
            function = _import_function(file, shown, request["function"])
        result = call(function)
    except _Refused:
        raise
    except BaseException as error:  # the user's code can raise anything, SystemExit too
        line = _last_line(error, file)
        message = f"expected {request['function']} to return {wanted}, received {_one_line(error)}"
        alone = "text" in request and isinstance(error, ImportError)
        remedy = "The file travels to workers by itself: what it imports has to be installed." if alone else ""
        raise _Refused(message, remedy, place=f"{shown}:{line}" if line else shown) from error
    line = inspect.unwrap(function).__code__.co_firstlineno if inspect.isfunction(function) else 1
    return result, f"{shown}:{line}"


def _import_function(file: str, shown: str, name: str) -> Callable[..., Any]:
    stem = Path(file).stem
    # A file called `json.py` must not take the place of a module that is already in use.
    spec = importlib.util.spec_from_file_location(f"_{stem}" if stem in sys.modules else stem, file)
    if spec is None or spec.loader is None:
        raise _Refused("expected a Python file", place=shown)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return _function_in(vars(module), name, shown)


def _run_text(text: str, file: str, name: str) -> Callable[..., Any]:
    """The function of a file that travels as its text: what stands beside the file does not."""
    from search.data.functions import SourceFunction

    function = SourceFunction(file, name, text)
    return _function_in(function.run(), name, file)


def _function_in(module: Mapping[str, Any], name: str, shown: str) -> Callable[..., Any]:
    function = module.get(name)
    if not callable(function):
        from search.data.wording import suggest_name

        known = [each for each, value in module.items() if inspect.isfunction(value)]
        raise _Refused(f'expected a function "{name}", received none', suggest_name(name, known), place=shown)
    return function  # type: ignore[no-any-return]  # what a module holds has no type


def _last_line(error: BaseException, file: str) -> int | None:
    """The line of the user's own file that was running last, or that does not parse."""
    if isinstance(error, SyntaxError) and error.filename == file:
        return error.lineno
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
    return frames[-1].lineno if frames else None


def _one_line(error: BaseException) -> str:
    """The last line of the error's traceback, without the full stop."""
    lines = [line.strip() for line in traceback.format_exception_only(error) if line.strip()]
    return " ".join(lines[-1].split()).rstrip(".")


if __name__ == "__main__":
    sys.path.append(str(Path(__file__).resolve().parents[3]))
    main()
