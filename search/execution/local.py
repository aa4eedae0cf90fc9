"""A local Dask cluster whose workers use one core each."""

from __future__ import annotations

import contextlib
import logging
import os
import tempfile
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from search.fork_server import ONE_THREAD, end_fork_server, environment, fork_server, main_left_out, sigint_blocked
from search.locked_folders import locked_folder

if TYPE_CHECKING:
    from distributed import LocalCluster


_HASH_SEED = "PYTHONHASHSEED"

SILENT_SECONDS = 60
"""A worker sends a heartbeat every second or so."""


@contextlib.contextmanager
def start_local_cluster(n_workers: int, modules: Sequence[str] = ()) -> Iterator[LocalCluster]:
    """Start workers on this machine, and end them; Dask's configuration and the environment are then what they were.

    Args:
        n_workers: Number of processes, one thread each; 0 for one worker that is a thread of this process.
        modules: What workers find imported, see `fork_server`.

    Yields:
        The cluster. Its traffic is encrypted and authenticated with credentials that exist only in memory, so
        that no other user of the machine can hand it code; a thread's does not leave the process. A process that
        dies is replaced. Each has one of the GPUs, where there are any.
    """
    import dask
    from distributed import LocalCluster

    from search.execution._nanny import OneGpuNanny

    configured = dask.config.set(
        {
            "distributed.nanny.pre-spawn-environ": ONE_THREAD,
            # A worker that is stopped, or whose machine is, tells nothing for so long; it is replaced.
            "distributed.scheduler.worker-ttl": f"{SILENT_SECONDS} s",
            # A run is retried when its worker dies; one that kills this many workers is reported instead.
            "distributed.scheduler.allowed-failures": 3,
            # No run waits behind another inside a worker: one that dies takes nobody else's run with it.
            "distributed.scheduler.worker-saturation": 1.0,
            "distributed.admin.tick.limit": "60s",
            # Dask always opens a port for pages, in clear text; nothing is served there, and to nobody else.
            "distributed.scheduler.http.routes": [],
            "distributed.worker.http.routes": [],
            "distributed.worker.memory.spill": False,
            "distributed.worker.memory.target": False,
            # The streams between processes keep this many messages for those who debug Dask; a result is one.
            "distributed.admin.low-level-log-length": 16,
            # Nobody looks at what these gather, 50 times a second and process by default.
            "distributed.admin.tick.interval": "1s",
            "distributed.worker.profile.enabled": False,
            "distributed.admin.system-monitor.interval": "5s",
            "distributed.worker.memory.monitor-interval": "1s",
            "distributed.scheduler.active-memory-manager.start": False,
            # A replacement that starts slowly, on a machine that is busy, is waited for.
            "distributed.deploy.lost-worker-timeout": "10 minutes",
            # A paused worker waits for memory that nothing here would free.
            "distributed.worker.memory.pause": False,
            # A thread is as alive as who would miss it: after minutes in which both stood still it is not given up.
            **({} if n_workers else {"distributed.scheduler.worker-ttl": None}),
        }
    )
    kind: dict[str, Any] = {"worker_class": OneGpuNanny, "security": True} if n_workers else {"processes": False}
    # Its parts ask for their settings while they run.
    with configured, _handlers_kept(), contextlib.ExitStack() as stack:
        method = stack.enter_context(fork_server(modules if n_workers else ()))
        if n_workers and method == "spawn":
            # Dask sets them, too, and leaves them and a seed of hashes; see `OneGpuNanny`.
            stack.enter_context(environment({**ONE_THREAD, _HASH_SEED: os.environ.get(_HASH_SEED)}))
        stack.enter_context(main_left_out("Dask Worker process"))
        # Where Dask would leave a folder behind; of a coordinator that is killed, its next one takes it away.
        parent = Path(dask.config.get("temporary-directory", None) or tempfile.gettempdir())
        scratch = stack.enter_context(locked_folder(parent, prefix="regsearch-workers-"))
        stack.enter_context(dask.config.set({"temporary-directory": str(scratch)}))
        stack.enter_context(dask.config.set({"distributed.worker.multiprocessing-method": method}))
        ending = threading.Event()
        if n_workers:
            kind["ending"] = ending
        with sigint_blocked() if n_workers else contextlib.nullcontext():
            try:
                cluster = LocalCluster(
                    n_workers=max(1, n_workers),
                    threads_per_worker=1,
                    dashboard_address=None,
                    scheduler_kwargs={"dashboard_address": "127.0.0.1:0"},
                    silence_logs=logging.CRITICAL + 1,
                    **kind,
                )
            except BaseException:
                # It leaves no cluster to close, and a thread of Dask's that would go on starting workers.
                ending.set()
                end_fork_server()
                raise
            stack.enter_context(cluster)
        stack.callback(_kill_workers, cluster)
        stack.callback(ending.set)
        yield cluster


def _kill_workers(cluster: LocalCluster) -> None:
    from search.execution._nanny import OneGpuNanny

    for nanny in cluster.workers.values():
        if isinstance(nanny, OneGpuNanny):
            nanny.kill_worker()


@contextlib.contextmanager
def _handlers_kept() -> Iterator[None]:
    """Take away the handlers that each worker and scheduler adds to Dask's loggers, until they are garbage."""
    loggers = [logging.getLogger(f"distributed.{name}") for name in ("nanny", "scheduler", "worker")]
    before = [list(logger.handlers) for logger in loggers]
    try:
        yield
    finally:
        for logger, handlers in zip(loggers, before, strict=True):
            logger.handlers[:] = handlers
