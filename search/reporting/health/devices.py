"""GPUs, and whether TensorFlow works: it is asked in a process of its own, which may die or hang."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from search.execution.gpus import list_gpus
from search.reporting.health._base import Finding

_PART = "devices"
_SECONDS = 90.0
_MODULE = "search.training.devices"
_LOGGED = r"^[IWEF]\d{4} [^\]]*\] "
"""What TensorFlow's own log puts before a message: level, time, process and place."""


def check_devices(seconds: float = _SECONDS) -> Iterator[Finding]:
    """Whether TensorFlow can be imported and computes, and the GPUs that it can use.

    Args:
        seconds: How long it is waited for.
    """
    told = _ask_tensorflow(seconds)
    if isinstance(told, str):
        remedy = f"`{Path(sys.executable).name} -m {_MODULE}` shows all that it says. Install TensorFlow anew."
        if "XLA_FLAGS" in told:
            remedy = "Mend XLA_FLAGS and TF_XLA_FLAGS, or unset them."
        yield Finding(_PART, "TensorFlow", told, "problem", remedy)
        return
    build = f"built for CUDA {told['cuda']}" if told["cuda"] else "built for processors"
    found = f"{told['tensorflow']} with Keras {told['keras']} works, {build}"
    if told["computes"]:
        yield Finding(_PART, "TensorFlow", found)
    else:
        remedy = "Unset XLA_FLAGS and TF_XLA_FLAGS; if that does not help, install TensorFlow anew."
        yield Finding(_PART, "TensorFlow", "a compiled program computes a wrong product", "problem", remedy)
    yield _gpus(told["gpus"], _devices())


def _devices() -> list[str]:
    """GPUs that the machine has for this process."""
    try:
        return list_gpus()
    except OSError:
        return []


def _gpus(usable: list[str], devices: list[str]) -> Finding:
    if usable:
        return Finding(_PART, "GPU", f"{', '.join(usable)}; a worker has one")
    if devices:
        remedy = "Check the driver and install tensorflow[and-cuda]; without, the processor trains."
        return Finding(_PART, "GPU", f"{len(devices)}, of which TensorFlow can use none", "warning", remedy)
    return Finding(_PART, "GPU", "none; the processor trains")


def _ask_tensorflow(seconds: float) -> dict[str, Any] | str:
    """What it tells of itself; in words what went wrong."""
    command = [sys.executable, "-m", _MODULE]
    quiet = {"TF_CPP_MIN_LOG_LEVEL": "3", "KERAS_BACKEND": "tensorflow"}
    try:
        done = subprocess.run(
            command, env=os.environ | quiet, capture_output=True, timeout=seconds, check=False, stdin=subprocess.DEVNULL
        )
    except subprocess.TimeoutExpired:
        return f"no answer within {seconds:g} s"
    except OSError as error:
        return f"cannot be asked: {error.strerror}"
    lines = done.stdout.decode(errors="replace").strip().splitlines()
    if done.returncode == 0 and lines:
        try:
            return dict(json.loads(lines[-1]))
        except ValueError:
            pass
    if done.returncode < 0 and not done.stderr.strip():
        return f"its process was ended by signal {-done.returncode}"
    said = done.stderr.decode(errors="replace").strip().splitlines()
    return f"does not work: {re.sub(_LOGGED, '', said[-1]) if said else f'exit code {done.returncode}'}"
