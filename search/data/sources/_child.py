"""What runs in the child process: call Keras or the user's function, write arrays, a model or a problem.

Run as a script: `python -P _child.py FOLDER`, with a pickled request in FOLDER, as the leader of a process group, and
with a pipe for standard input that the parent holds open for as long as it lives.
"""

from __future__ import annotations

import gc
import importlib
import importlib.util
import inspect
import json
import os
import pickle
import random
import shutil
import signal
import sys
import threading
import traceback
import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

REQUEST = "request.pickle"
ANSWER = "answer.npz"
PROBLEM = "problem.json"
WRITTEN = "x_written"
"""In an answer: what was written of features that do not fit into memory."""

SUBCLASSED = "regsearch_layers.json"
"""Member of a `.keras` file: the layers of a subclassed model, which Keras does not write down."""


class _Refused(Exception):  # noqa: N818 - it carries the parts of a problem, and never leaves this module
    def __init__(self, message: str, remedy: str = "", place: str = "") -> None:
        super().__init__(message)
        self.parts = {"place": place, "message": message, "remedy": remedy}


def main() -> None:
    """Answer the request in the folder that the command line names, into the same folder."""
    folder = Path(sys.argv[1])
    _end_with_parent(folder)
    sys.dont_write_bytecode = True  # nothing is left beside the user's file
    request = pickle.loads((folder / REQUEST).read_bytes())
    if request["kind"] != "function":  # which may draw batch after batch, each with garbage of its own
        gc.set_threshold(100_000, 20, 10)  # Keras' import makes many objects that all stay; to look took a quarter
    try:
        arrays = answer(request, folder)
    except _Refused as refused:
        (folder / PROBLEM).write_text(json.dumps(refused.parts), encoding="utf-8")
    else:
        np.savez(folder / "partial.npz", **arrays)
        (folder / "partial.npz").rename(folder / ANSWER)  # a child that dies while it writes leaves no answer
    gc.freeze()  # Python would look through all of TensorFlow before it ends, for a quarter of this process's time


def _end_with_parent(folder: Path) -> None:
    """Kill this process, and those that it starts, when the pipe of standard input ends: its other side is gone.

    A parent that is killed itself can stop nobody, and a function that waits for ever would do so for ever. Nor does it
    remove the folder of the request.
    """
    pipe = os.dup(0)
    with Path(os.devnull).open("rb") as nothing:
        os.dup2(nothing.fileno(), 0)  # the user's function finds an empty input

    def wait_for_end() -> None:
        os.read(pipe, 1)
        shutil.rmtree(folder, ignore_errors=True)
        os.killpg(0, signal.SIGKILL)

    threading.Thread(target=wait_for_end, daemon=True).start()


def answer(request: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """The arrays of an answer: `x` and `y`, each as `search.data.sources.raw.pack` packs them; or `model`, bytes.

    Args:
        request: `kind` is `keras` (with `name`), `images` (with `files`, `shown`, `labels` and `shape`), `function` or
            `builder` (both with `file`, `shown`, `function` and `folder`, the working directory; a function also with
            `most_bytes` and `rows_file`, to which features go that take more: the answer then has what was `Written`);
            most with `options`, of which a builder is given those that it takes. A builder also comes with `calls`, the
            further options of each call, which it has to take, and `asked`, names of such; the answer is `model_0`,
            `model_1` ..., and `defaults`, JSON of what it has for those names. Or it is `custom` (with `file`, `shown`,
            `function`, `folder`, the file's `text` and `model`, the content of a `.keras` file), which answers nothing;
            or `loss` (with the same but for the model), with arrays `targets` and `predicted`; the answer is `losses`.
            Or `texts` (as `custom`, the `text` empty where there is no such file, with `layers`, names of layers, and
            `rows`, text for each); the answer is `numbers_0`, `numbers_1` ...
        folder: Where temporary files may stand: the parent removes it.
    """
    if request["kind"] == "builder":
        return _build_models(request, folder)
    if request["kind"] == "custom":
        _try_custom(request, folder)
        return {}
    if request["kind"] == "texts":
        return _read_texts(request, folder)
    if request["kind"] == "loss":
        return {"losses": _try_loss(request)}
    load = {"keras": _load_keras, "images": _load_images}.get(request["kind"], _call_function)
    x, y = load(request)
    from search.data.sources.raw import PlainError, pack, to_plain
    from search.data.stored_rows import Written

    try:
        if isinstance(x, Written):
            return {WRITTEN: np.array(x.to_json()), **pack("y", to_plain(y, "y"))}
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


def _load_images(request: Mapping[str, Any]) -> tuple[Any, Any]:
    """Pictures as bytes, each brought to one size as `keras.utils.image_dataset_from_directory` does."""
    import tensorflow as tf

    from search.data.sources.picture_sizes import MOST_PIXELS, count_pixels

    height, width, *channels = request["shape"]
    pictures = np.zeros((len(request["files"]), height, width, *(channels or [1])), np.uint8)
    for place, (path, shown) in enumerate(zip(request["files"], request["shown"], strict=True)):
        content = Path(path).read_bytes()
        if (n_pixels := count_pixels(content)) > MOST_PIXELS:
            message = f'expected pictures of at most {MOST_PIXELS:,} pixels, received "{shown}" of {n_pixels:,}'
            raise _Refused(message, "Take it out of the folder, or save it smaller.")
        try:
            decoded = tf.io.decode_image(content, pictures.shape[-1], expand_animations=False)
            resized = tf.image.resize(decoded, (height, width), "bilinear")
        except Exception as error:  # TensorFlow raises what it likes on broken files
            message = f'expected a picture in "{shown}", received another file: {_reason(error)}'
            raise _Refused(message, "Take it out of the folder, or repair it.") from error
        pictures[place] = np.clip(np.rint(resized.numpy()), 0, 255)
    return pictures.reshape(len(pictures), *request["shape"]), request["labels"]


def _reason(error: BaseException) -> str:
    """What TensorFlow says, without the operation and its device."""
    return str(error).rpartition("}} ")[2].partition(" [Op:")[0].strip().rstrip(".")[:200]


def _call_function(request: Mapping[str, Any]) -> tuple[Any, Any]:
    from search.data.sources.raw import PlainError
    from search.data.streams import collect, is_stream

    result, place = _call(request, "(x, y)", lambda function: function(**request["options"]))
    if is_stream(result):
        try:
            return collect(result, request["most_bytes"], Path(request["rows_file"]))
        except PlainError as error:
            raise _Refused(str(error), place=place) from error
    if not isinstance(result, (tuple, list)) or len(result) != 2:
        received = type(result).__name__
        if isinstance(result, (tuple, list)):
            received = f"{len(result)} values"
        raise _Refused(f"expected {request['function']} to return (x, y), received {received}", place=place)
    return result[0], result[1]


def _build_models(request: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """The user's models in the `.keras` format; their initial weights repeat themselves."""
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    function, place = _call(request, "a Keras model", lambda loaded: loaded)
    parameters = inspect.signature(function).parameters
    takes_all = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values())
    for name in dict.fromkeys(name for options in request["calls"] for name in options):
        if name not in parameters and not takes_all:
            from search.data.wording import suggest_name

            message = f"expected {request['function']} to take the option {name}, received a function that does not"
            raise _Refused(message, suggest_name(name, list(parameters)), place)
    arrays = {}
    for number, options in enumerate(request["calls"]):
        model = _build_model(request, function, options, place)
        arrays[f"model_{number}"] = np.frombuffer(_saved(request, model, folder, place), np.uint8)
    defaults = {name: parameters[name].default for name in request["asked"] if name in parameters}
    known = {
        name: value for name, value in defaults.items() if isinstance(value, bool | int | float | str | list | tuple)
    }
    return {**arrays, "defaults": np.frombuffer(json.dumps(known).encode(), np.uint8)}


def _build_model(
    request: Mapping[str, Any], function: Callable[..., Any], options: Mapping[str, Any], place: str
) -> Any:
    """What the user's function returns for some options, whatever it was called with before."""
    random.seed(0)  # from which Keras draws the seeds of initializers
    np.random.seed(0)
    if "keras" in sys.modules:
        sys.modules["keras"].utils.clear_session(free_memory=False)  # names of layers are counted anew
    shown = ", ".join(f"{name} = {value}" for name, value in options.items())
    wanted = f"a Keras model for {shown}" if shown else "a Keras model"
    offered = {**_taken(function, request["options"]), **options}
    model = _called(request, wanted, lambda: function(**offered))
    if "keras" not in sys.modules or not isinstance(model, sys.modules["keras"].Model):
        received = type(model).__name__
        raise _Refused(f"expected {request['function']} to return {wanted}, received {received}", place=place)
    return model


def _saved(request: Mapping[str, Any], model: Any, folder: Path, place: str) -> bytes:
    """The content of a model's file; one that is no graph of layers is built, and its layers are told beside it."""
    name, path, shape = request["function"], folder / "model.keras", request["options"]["input_shape"]
    told: dict[str, Any] | None = None
    try:
        if not type(model).__module__.startswith("keras."):
            if isinstance(shape, dict):
                raise _Refused(f"expected {name} to return a Functional model for several inputs", place=place)
            told = tell_subclassed(model, tuple(shape)) if request["has_custom"] else None
        model.save(path)
    except _Refused:
        raise
    except TypeError as error:
        cause = first_cause(error)
        takes_more = "unexpected keyword argument" in cause
        remedy = (
            "Let __init__ take **kwargs and hand them to super().__init__, as Keras wants it." if takes_more else ""
        )
        message = f"expected {name} to return a model that can be made again, received {cause}"
        raise _Refused(message, remedy, place) from error
    except Exception as error:  # whatever a layer of the user's raises
        message = f"expected {name} to return a model that can be saved, received {_one_line(error)}"
        raise _Refused(message, place=place) from error
    if told is not None:
        add_told(path, told)
    return path.read_bytes()


def add_told(path: Path, told: Mapping[str, Any]) -> None:
    """Write into a `.keras` file what `tell_subclassed` said of its model."""
    with zipfile.ZipFile(path, "a") as members:
        members.writestr(SUBCLASSED, json.dumps(told))


def tell_subclassed(model: Any, shape: tuple[int, ...]) -> dict[str, Any]:
    """The layers of a model that calls them in code of its own, under the names that a copy of it gives them.

    Args:
        model: A Keras model that is neither Sequential nor Functional.
        shape: Of one row that it takes.

    Returns:
        `input_shape`, `units` and `layers`, as `add_told` writes them into the model's file.

    Raises:
        Exception: Whatever making the copy raises.
    """
    keras: Any = sys.modules["keras"]
    from search.data.keras_names import names_counted_anew

    model(keras.ops.zeros((1, *shape)))
    config = keras.saving.serialize_keras_object(model)
    config.pop("build_config", None)
    with names_counted_anew(), keras.saving.custom_object_scope({type(model).__name__: type(model)}):
        copy = keras.saving.deserialize_keras_object(config)
    outputs = copy(keras.ops.zeros((1, *shape)))
    if not hasattr(outputs, "shape"):
        raise ValueError("several outputs of a subclassed model")
    layers = []
    for path, layer in _named_layers(keras, copy, ""):
        told = keras.saving.serialize_keras_object(layer)
        told.pop("build_config", None)
        layers.append({"path": path, "has_weights": bool(layer.weights), **told})
    return {"input_shape": [None, *shape], "units": int(outputs.shape[-1]), "layers": layers}


def _named_layers(keras: Any, model: Any, scope: str) -> Iterator[tuple[str, Any]]:
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from _named_layers(keras, layer, f"{scope}{layer.name}/")
        elif not isinstance(layer, keras.layers.InputLayer):
            yield scope + layer.name, layer


def _try_custom(request: Mapping[str, Any], folder: Path) -> None:
    """Let Keras make a model with the classes of the user's file."""
    _loaded(request, folder)


def _loaded(request: Mapping[str, Any], folder: Path) -> Any:
    """The model of a request, made with the classes of the user's file where there is one."""
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    os.chdir(request["folder"])
    import keras

    from search.data.functions import SourceModule, last_line

    content: Mapping[str, Any] = {"__name__": None}
    if request["text"]:
        content = _called(request, "its classes", lambda: SourceModule(request["file"], request["text"]).run())
    own = [each for each in content.values() if getattr(each, "__module__", None) == content["__name__"] is not None]
    known = {keras.saving.get_registered_name(each): each for each in own if hasattr(each, "__name__")}
    path = folder / "model.keras"
    path.write_bytes(request["model"])
    with keras.saving.custom_object_scope({**{each.__name__: each for each in known.values()}, **known}):
        try:
            return keras.saving.load_model(path, compile=False, safe_mode=True)
        except Exception as error:  # whatever a layer of the user's raises
            line = last_line(error, request["file"])
            shown = f"{request['shown']}:{line}" if line else request["shown"]
            message = f"expected what {request['function']} is made of, received {first_cause(error)}"
            raise _Refused(message, place=shown) from error


def _read_texts(request: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """What layers of a model make of text."""
    import tensorflow as tf

    model, answer = _loaded(request, folder), {}
    for number, (name, rows) in enumerate(zip(request["layers"], request["rows"], strict=True)):
        try:
            answer[f"numbers_{number}"] = np.asarray(model.get_layer(name)(tf.constant(rows)), np.float32)
        except Exception as error:  # a vocabulary that was never told, a shape that does not fit
            message = f"expected {name} to make numbers of text, received {first_cause(error)}"
            raise _Refused(
                message, "Let it adapt to text, or give it a vocabulary, before the model is saved."
            ) from error
    return answer


def first_cause(error: BaseException) -> str:
    """What went wrong first: Keras wraps what a class of the user's raises, and adds the whole configuration."""
    while (cause := error.__cause__ or error.__context__) is not None:
        error = cause
    return _one_line(error)[:300]


def _try_loss(request: Mapping[str, Any]) -> Any:
    """What the user's function makes of a few rows, traced as an engine traces it."""
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    import tensorflow as tf

    name, shown = request["function"], request["shown"]
    targets, predicted = (np.asarray(request[key]) for key in ("targets", "predicted"))
    from search.data.functions import called_loss, last_line

    function, place = _call(request, "one loss a row", called_loss)

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
        line = last_line(error, shown)
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

    def load() -> Callable[..., Any]:
        if "text" in request:
            return _run_text(request["text"], file, request["function"])
        sys.path.insert(0, str(Path(file).parent))
        return _import_function(file, shown, request["function"])

    function = _called(request, wanted, load)
    result = _called(request, wanted, lambda: call(function))
    line = inspect.unwrap(function).__code__.co_firstlineno if inspect.isfunction(function) else 1
    return result, f"{shown}:{line}"


def _called(request: Mapping[str, Any], wanted: str, call: Callable[[], Any]) -> Any:
    """What a call of the user's code returns; what it raises is refused with the line of the user's file."""
    file, shown = request["file"], request["shown"]
    try:
        return call()
    except _Refused:
        raise
    except BaseException as error:  # the user's code can raise anything, SystemExit too
        from search.data.functions import last_line

        line = last_line(error, file)
        message = f"expected {request['function']} to return {wanted}, received {_one_line(error)}"
        alone = "text" in request and isinstance(error, ImportError)
        remedy = "The file travels to workers by itself: what it imports has to be installed." if alone else ""
        raise _Refused(message, remedy, place=f"{shown}:{line}" if line else shown) from error


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


def _one_line(error: BaseException) -> str:
    """The last line of the error's traceback, without the full stop."""
    lines = [line.strip() for line in traceback.format_exception_only(error) if line.strip()]
    return " ".join(lines[-1].split()).rstrip(".")


if __name__ == "__main__":
    sys.path.append(str(Path(__file__).resolve().parents[3]))
    main()
