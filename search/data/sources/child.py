"""Call a function in a child process and get plain arrays, or a model's file: this process stays free of TensorFlow."""

from __future__ import annotations

import contextlib
import json
import os
import pickle
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from search.data.sources import _child
from search.data.sources.raw import Plain, unpack
from search.data.stored_rows import Written
from search.errors import DataError, Problem, StudyFileError, UsageError
from search.fork_server import DATABASE_SECRETS

if TYPE_CHECKING:
    from search.data.functions import SourceModule

Array = npt.NDArray[Any]

_STDERR = "stderr.txt"


def call_child(request: Mapping[str, Any], place: str, timeout_seconds: float) -> tuple[Plain | Written, Plain]:
    """Let a child process answer a request with features and targets.

    The request goes out as a pickle, and the answer comes back as an archive that is read without pickle:
    nothing that the child returns can run code or import modules here.

    Args:
        request: As `_child.answer` takes it.
        place: Where the data was named, for errors.
        timeout_seconds: How long the child may take; see `_answered`.

    Returns:
        Features, or what was written of them to a file that the request names; and targets.

    Raises:
        DataError: The child reports a problem, ends without an answer, or takes too long.
    """
    with _answered(request, place, timeout_seconds, "data", DataError) as archive:
        if _child.WRITTEN in archive:
            return Written.from_json(str(archive[_child.WRITTEN])), unpack(archive, "y")
        return unpack(archive, "x"), unpack(archive, "y")


def call_arrays(request: Mapping[str, Any], place: str, timeout_seconds: float) -> tuple[Plain, Plain]:
    """As `call_child`, of a request that names no file for features."""
    x, y = call_child(request, place, timeout_seconds)
    if isinstance(x, Written):
        raise DataError(Problem(place, "expected features in memory, received some in a file"))
    return x, y


def call_builder(request: Mapping[str, Any], place: str, timeout_seconds: float) -> tuple[list[bytes], dict[str, Any]]:
    """Let a child process call the user's function that builds a Keras model.

    Args:
        request: As `_child.answer` takes it, of the kind `builder`.
        place: Where the function was named, for errors.
        timeout_seconds: How long the child may take; see `_answered`.

    Returns:
        The model of each call in the `.keras` format; and the function's defaults of the names that are asked for.

    Raises:
        StudyFileError: The child reports a problem, ends without an answer, or takes too long.
    """
    with _answered(request, place, timeout_seconds, "a model", StudyFileError) as archive:
        models = [archive[f"model_{number}"].tobytes() for number in range(len(request["calls"]))]
        return models, json.loads(archive["defaults"].tobytes())


def call_text_layers(
    archive: bytes,
    texts: Sequence[tuple[str, Array]],
    custom: SourceModule | None,
    folder: Path,
    place: str,
    timeout_seconds: float,
) -> list[npt.NDArray[np.float32]]:
    """Let a child process make numbers of text with layers of a Keras model.

    Args:
        archive: Content of the model's `.keras` file.
        texts: Name of each layer, and what it is given, shape (rows, ...), dtype `U`.
        custom: The user's file that defines what in the model is not Keras' own; None for none.
        folder: The working directory.
        place: Where the model was named, for errors.
        timeout_seconds: How long the child may take; see `_answered`.

    Returns:
        What each layer made of its rows, shape (rows, ...).

    Raises:
        StudyFileError: The child reports a problem, ends without an answer, or takes too long.
    """
    request = {
        "kind": "texts",
        "model": archive,
        "layers": [layer for layer, _ in texts],
        "rows": [rows for _, rows in texts],
        "file": "" if custom is None else custom.file,
        "text": "" if custom is None else custom.text,
        "shown": "the model",
        "function": "its layers of text",
        "folder": str(folder),
    }
    with _answered(request, place, timeout_seconds, "numbers", StudyFileError) as answer:
        return [np.asarray(answer[f"numbers_{number}"], np.float32) for number in range(len(texts))]


def try_code(request: Mapping[str, Any], place: str, timeout_seconds: float, wanted: str) -> None:
    """Let a child process try code of the user's, of whose answer nothing is used.

    Args:
        request: As `_child.answer` takes it, of the kind `loss` or `custom`.
        place: Where the code was named, for errors.
        timeout_seconds: How long the child may take; see `_answered`.
        wanted: What it is to make: `a loss`.

    Raises:
        StudyFileError: The child reports a problem, ends without an answer, or takes too long.
    """
    with _answered(request, place, timeout_seconds, wanted, StudyFileError):
        return


@contextlib.contextmanager
def _answered(
    request: Mapping[str, Any], place: str, timeout_seconds: float, wanted: str, error: type[UsageError]
) -> Iterator[Any]:
    """The arrays with which a child process answers.

    When `timeout_seconds` are over, or an exception (a signal's, too) ends the wait, the child is killed with every
    process that it started, and nothing of theirs stays in the temporary folder.
    """
    with tempfile.TemporaryDirectory(prefix="regsearch-") as name:
        folder = Path(name)
        (folder / _child.REQUEST).write_bytes(pickle.dumps(dict(request)))
        try:
            exit_code = _run_child(folder, timeout_seconds)
        except subprocess.TimeoutExpired as expired:
            message = f"expected an answer of {_named(request)} within {timeout_seconds:g} s, received none"
            remedy = "Raise data.timeout_seconds if it needs more time."
            raise error(Problem(place, message, remedy)) from expired
        if (folder / _child.PROBLEM).exists():
            answer = json.loads((folder / _child.PROBLEM).read_text(encoding="utf-8"))
            raise error(Problem(answer["place"] or place, answer["message"], answer["remedy"]))
        if not (folder / _child.ANSWER).exists():
            raise error(_explain_end(exit_code, (folder / _STDERR).read_bytes(), place, wanted))
        with np.load(folder / _child.ANSWER, allow_pickle=False) as archive:
            yield archive


def _run_child(folder: Path, timeout_seconds: float) -> int:
    """The exit code of a child process that answers the request in `folder`; negative when a signal ended it.

    Raises:
        subprocess.TimeoutExpired: It took too long, and was killed.
    """
    # Its messages go to a file: a pipe would be waited for as long as any process that it started holds it open.
    with (
        (folder / _STDERR).open("wb") as stderr,
        subprocess.Popen(
            # -P: neither the script's folder nor the working directory may shadow the user's packages.
            [sys.executable, "-P", str(Path(_child.__file__).resolve()), str(folder)],
            stdin=subprocess.PIPE,  # nothing is written to it: its end tells the child that this process is gone
            stdout=subprocess.DEVNULL,
            stderr=stderr,
            env={"TF_CPP_MIN_LOG_LEVEL": "3", **{k: v for k, v in os.environ.items() if k not in DATABASE_SECRETS}},
            start_new_session=True,  # a process group of its own, which is killed as a whole
        ) as child,
    ):
        try:
            return child.wait(timeout_seconds)
        finally:
            # No such process: all have ended. Not permitted: so macOS speaks of a group that has ended.
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(child.pid, signal.SIGKILL)
            child.wait()  # after an interrupt Popen itself would leave it behind as a zombie


def _named(request: Mapping[str, Any]) -> str:
    """What the child was asked for, as an error names it."""
    if request["kind"] == "texts":
        return "the layers that read text"
    if request["kind"] == "images":
        return f"the pictures in {request['name']}"
    return (
        f"keras.datasets.{request['name']}"
        if request["kind"] == "keras"
        else f"{request['shown']}:{request['function']}"
    )


def _explain_end(exit_code: int, stderr: bytes, place: str, wanted: str) -> Problem:
    if exit_code < 0:
        message = f"expected {wanted} from a child process, received its end by {signal.Signals(-exit_code).name}"
        return Problem(place, message, f"Does the {wanted.removeprefix('a ')} fit into memory?")
    lines = [line for line in stderr.decode(errors="replace").strip().splitlines() if not _LOGGED.match(line)]
    last = f": {lines[-1]}" if lines else ""
    message = f"expected {wanted} from a child process, received exit code {exit_code}{last}"
    return Problem(place, message.rstrip("."))


_LOGGED = re.compile(r"[IWE]\d{4} |WARNING: All log messages before absl")
"""How lines begin that TensorFlow logs whatever its log level is."""
