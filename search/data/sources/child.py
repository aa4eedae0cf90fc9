"""Call a function in a child process and get plain arrays back: this process stays free of TensorFlow."""

from __future__ import annotations

import json
import os
import pickle
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from search.data.sources import _child
from search.data.sources.rows import Plain
from search.errors import DataError, Problem


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
            raise DataError(Problem(answer["place"] or place, answer["message"], answer["remedy"]))
        if not (folder / _child.ANSWER).exists():
            raise DataError(_explain_end(done, place))
        with np.load(folder / _child.ANSWER, allow_pickle=False) as archive:
            return _unpack(archive, "x"), _unpack(archive, "y")


def _explain_end(done: subprocess.CompletedProcess[bytes], place: str) -> Problem:
    if done.returncode < 0:
        message = f"expected data from a child process, received its end by {signal.Signals(-done.returncode).name}"
        return Problem(place, message, "Does the data fit into memory?")
    lines = done.stderr.decode(errors="replace").strip().splitlines()
    last = f": {lines[-1]}" if lines else ""
    message = f"expected data from a child process, received exit code {done.returncode}{last}"
    return Problem(place, message.rstrip("."))


def _unpack(archive: Any, name: str) -> Plain:
    if name in archive.files:
        array: Plain = archive[name]
        return array
    columns = json.loads(str(archive[f"{name}_columns"]))
    return {column: archive[f"{name}_{position}"] for position, column in enumerate(columns)}
