"""The process that starts a local worker, and starts it again when it died."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from typing import Any

from distributed import Nanny, Status

from search.execution.gpus import assign_gpu
from search.fork_server import DATABASE_SECRETS, ONE_THREAD, begin_fork_server_anew

# Where workers are forked their server has none of these; where they are spawned they are emptied there.
_SECRETS = dict.fromkeys(DATABASE_SECRETS, "")

_MOST_STARTS = 4
"""As often a worker may die before it stands ready; the session ends then."""


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
        """Start a worker, unless all end now; one that is killed while the first is awaited is replaced, too."""
        status = Status.failed
        for _ in range(_MOST_STARTS):
            if self._ending.is_set():
                return Status.closed
            begin_fork_server_anew()
            status = await super().instantiate()
            # Later on a death in the middle of a start is told to the nanny, and it starts another one by itself.
            if status == Status.running or self.status != Status.init:
                break
        return status

    def kill_worker(self) -> None:
        """Kill the worker, which holds nothing that lasts; to be called from any thread.

        Asked politely, one that is stopped or hangs would be waited for.
        """
        if self.pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
