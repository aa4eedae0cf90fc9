"""The process that starts a local worker, and starts it again when it died."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from typing import Any

from distributed import Nanny, Status

from search.execution.gpus import assign_gpu
from search.fork_server import DATABASE_SECRETS, ONE_THREAD

# Where workers are forked their server has none of these; where they are spawned they are emptied there.
_SECRETS = dict.fromkeys(DATABASE_SECRETS, "")


class OneGpuNanny(Nanny):
    """A nanny whose worker sees one GPU; a local cluster gives all its nannies the same environment.

    Args:
        name: Index of the worker.
        ending: Set when no worker is to be started any more.
    """

    def __init__(self, *args: Any, name: int, ending: threading.Event, **options: Any) -> None:
        super().__init__(*args, name=name, env=_SECRETS | ONE_THREAD | assign_gpu(name), **options)
        self._ending = ending

    async def instantiate(self) -> Status:
        """Start a worker, unless all end now."""
        return Status.closed if self._ending.is_set() else await super().instantiate()

    def kill_worker(self) -> None:
        """Kill the worker, which holds nothing that lasts; to be called from any thread.

        Asked politely, one that is stopped or hangs would be waited for.
        """
        if self.pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
