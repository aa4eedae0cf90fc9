"""The process that starts a local worker, and starts it again when it died."""

from __future__ import annotations

from typing import Any

from distributed import Nanny

from search.execution.gpus import assign_gpu
from search.fork_server import DATABASE_SECRETS, ONE_THREAD

# Where workers are forked their server has none of these; where they are spawned they are emptied there.
_SECRETS = dict.fromkeys(DATABASE_SECRETS, "")


class OneGpuNanny(Nanny):
    """A nanny whose worker sees one GPU; a local cluster gives all its nannies the same environment.

    Args:
        name: Index of the worker.
    """

    def __init__(self, *args: Any, name: int, **options: Any) -> None:
        super().__init__(*args, name=name, env=_SECRETS | ONE_THREAD | assign_gpu(name), **options)
