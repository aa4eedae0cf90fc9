"""The process that starts a local worker, and starts it again when it died."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import threading
from typing import Any

import dask
from distributed import Nanny, Status

from search.execution.gpus import assign_gpu
from search.fork_server import DATABASE_SECRETS, ONE_THREAD, begin_fork_server_anew

# Where workers are forked their server has none of these; where they are spawned they are emptied there.
_SECRETS = dict.fromkeys(DATABASE_SECRETS, "")

_MOST_DEATHS = 4
"""As often a worker, or what it is forked from, may die before it stands ready; the session ends then."""
_DYING_SECONDS = 5.0
"""A process that is killed closes its files before it counts as dead: long before, on a machine that is busy."""
_LOOK_SECONDS = 0.25
_LONGEST_START = "10 minutes"
"""On a machine that is busy. Without a limit Dask would give a nanny up at the first start that fails."""


class OneGpuNanny(Nanny):
    """A nanny whose worker sees one GPU; a local cluster gives all its nannies the same environment.

    Args:
        name: Index of the worker.
        ending: Set when no worker is to be started any more.
    """

    process: Any  # Dask's, without types

    def __init__(self, *args: Any, name: int, ending: threading.Event, **options: Any) -> None:
        env = _SECRETS | ONE_THREAD | assign_gpu(name)
        super().__init__(*args, name=name, env=env, death_timeout=_LONGEST_START, **options)
        if dask.config.get("distributed.worker.multiprocessing-method") == "forkserver":
            # Dask would set these in this process, for good; who is forked has them from the server.
            self.pre_spawn_env: dict[str, str] = {}
        self._ending = ending

    async def start_unsafe(self) -> OneGpuNanny:
        """Start as Dask's nanny does, which takes no note of a worker that dies just when it stands ready."""
        await super().start_unsafe()
        self.status = Status.running  # from here on it replaces one that dies by itself
        if self.process is not None and self.process.status == Status.stopped:
            await self.instantiate()
        return self

    async def instantiate(self) -> Status:
        """Start a worker, unless all end now; one that is killed while the first is awaited is replaced, too."""
        status, n_deaths, taken_along_by = Status.failed, 0, None
        while n_deaths < _MOST_DEATHS:
            if self._ending.is_set():
                return Status.closed
            server = begin_fork_server_anew()
            try:
                status = await super().instantiate()
            except Exception:
                if self.process is not None and self.process.status == Status.starting:
                    self.process = None  # it was never forked, and whoever waits for its start or end waits for ever
                if not await self._has_other_server(server):
                    raise
                # A server that dies takes a worker along, and then refuses the next one: it has died once.
                n_deaths += server != taken_along_by
                continue
            # Later on a death in the middle of a start is told to the nanny, and it starts another one by itself.
            if status == Status.running or self.status != Status.init:
                break
            n_deaths, taken_along_by = n_deaths + 1, server
        return status

    async def _has_other_server(self, server: int | None) -> bool:
        """Whether the process that workers are forked from has died, and another one is there."""
        for _ in range(round(_DYING_SECONDS / _LOOK_SECONDS)):
            await asyncio.sleep(_LOOK_SECONDS)
            if self._ending.is_set():
                return False
            if begin_fork_server_anew() != server:
                return True
        return False

    def kill_worker(self) -> None:
        """Kill the worker, which holds nothing that lasts; to be called from any thread.

        Asked politely, one that is stopped or hangs would be waited for.
        """
        if self.pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
