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
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from search.data.sources import _child
from search.data.sources.raw import Plain
from search.errors import DataError, Problem, StudyFileError, UsageError


def call_child(request: Mapping[str, Any], place: str) -> tuple[Plain, Plain]:
    """Let a child process answer a request with features and targets.

    The request goes out as a pickle, and the answer comes back as an archive that is read without pickle:
    nothing that the child returns can run code or import modules here.

    Args:
        request: As `_child.answer` takes it.
        place: Where the data was named, for errors.

    Raises:
        DataError: The child reports a problem, or ends without an answer.
    """
    with _answered(request, place, "data", DataError) as archive:
        return _unpack(archive, "x"), _unpack(archive, "y")


def call_builder(request: Mapping[str, Any], place: str) -> bytes:
    """Let a child process call the user's function that builds a Keras model.

    Args:
        request: As `_child.answer` takes it, of the kind `builder`.
        place: Where the function was named, for errors.

    Returns:
        The model in the `.keras` format.

    Raises:
        StudyFileError: The child reports a problem, or ends without an answer.
    """
    with _answered(request, place, "a model", StudyFileError) as archive:
        model: bytes = archive["model"].tobytes()
        return model


@contextlib.contextmanager
def _answered(request: Mapping[str, Any], place: str, wanted: str, error: type[UsageError]) -> Iterator[Any]:
    """The arrays with which a child process answers."""
    with tempfile.TemporaryDirectory(prefix="regsearch-") as name:
        folder = Path(name)
        done = subprocess.run(
            # -P: neither the script's folder nor the working directory may shadow the user's packages.
            [sys.executable, "-P", str(Path(_child.__file__).resolve()), name],
            input=pickle.dumps(dict(request)),
            capture_output=True,
            env={"TF_CPP_MIN_LOG_LEVEL": "3", **os.environ},
            check=False,
        )
        if (folder / _child.PROBLEM).exists():
            answer = json.loads((folder / _child.PROBLEM).read_text(encoding="utf-8"))
            raise error(Problem(answer["place"] or place, answer["message"], answer["remedy"]))
        if not (folder / _child.ANSWER).exists():
            raise error(_explain_end(done, place, wanted))
        with np.load(folder / _child.ANSWER, allow_pickle=False) as archive:
            yield archive


def _explain_end(done: subprocess.CompletedProcess[bytes], place: str, wanted: str) -> Problem:
    if done.returncode < 0:
        message = f"expected {wanted} from a child process, received its end by {signal.Signals(-done.returncode).name}"
        return Problem(place, message, f"Does the {wanted.removeprefix('a ')} fit into memory?")
    lines = [line for line in done.stderr.decode(errors="replace").strip().splitlines() if not _LOGGED.match(line)]
    last = f": {lines[-1]}" if lines else ""
    message = f"expected {wanted} from a child process, received exit code {done.returncode}{last}"
    return Problem(place, message.rstrip("."))


_LOGGED = re.compile(r"[IWE]\d{4} |WARNING: All log messages before absl")
"""How lines begin that TensorFlow logs whatever its log level is."""


def _unpack(archive: Any, name: str) -> Plain:
    if name in archive.files:
        array: Plain = archive[name]
        return array
    columns = json.loads(str(archive[f"{name}_columns"]))
    return {column: archive[f"{name}_{position}"] for position, column in enumerate(columns)}
