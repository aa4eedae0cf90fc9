"""One GPU a worker, where this machine has any."""

from __future__ import annotations

import os
import re
from pathlib import Path

VARIABLE = "CUDA_VISIBLE_DEVICES"


def assign_gpu(worker_index: int) -> dict[str, str]:
    """What a worker's environment says of GPUs: worker i has the GPU i modulo their number; {} without a GPU."""
    gpus = list_gpus()
    return {VARIABLE: gpus[worker_index % len(gpus)]} if gpus else {}


def list_gpus(devices: Path = Path("/dev")) -> list[str]:
    """Indices or identifiers of the GPUs that this process may use, found without TensorFlow.

    Args:
        devices: Folder of the machine's devices, asked when `CUDA_VISIBLE_DEVICES` is not set.
    """
    allowed = os.environ.get(VARIABLE)
    if allowed is None:
        n_gpus = sum(re.fullmatch(r"nvidia\d+", path.name) is not None for path in devices.iterdir())
        return [str(index) for index in range(n_gpus)]
    names = [name.strip() for name in allowed.split(",")]
    # CUDA sees those before the first that is none: "-1" and "" hide all.
    hidden = next((place for place, name in enumerate(names) if name in ("", "-1")), len(names))
    return names[:hidden]
