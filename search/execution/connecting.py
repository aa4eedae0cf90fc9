"""The way to workers: a cluster on this machine or somebody's scheduler, without a word of Dask's own."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import uuid
from collections.abc import Awaitable, Callable, Iterator, Sequence
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol

from search.errors import Problem, RegsearchError, UsageError

if TYPE_CHECKING:
    from distributed import Client

EndWorker = Callable[[str, int], None]
"""Ends a worker by its address and the number of its process; another one is started in its place."""

_CONNECT_SECONDS = 10
_REPLACE_SECONDS = 20


class Cluster(Protocol):
    """A Dask cluster: Dask's own, or that of dask-jobqueue, dask-kubernetes and the like."""

    @property
    def scheduler_address(self) -> str:
        """Where its scheduler listens."""


@contextlib.contextmanager
def connected(n_workers: int, scheduler: str | Cluster | None, modules: Sequence[str]) -> Iterator[Client]:
    """A client of workers, for the length of a `with` block.

    Args:
        n_workers: Processes to start on this machine, 0 for a thread of this one.
        scheduler: Address of a scheduler or a cluster to use instead.
        modules: What workers on this machine find imported, see `fork_server`.

    Raises:
        UsageError: No scheduler answers there.
        RegsearchError: The workers of this machine could not be started.
    """
    from search.execution._client import ClosedOnFailureClient
    from search.execution.local import start_local_cluster

    if scheduler is None:
        with contextlib.ExitStack() as stack:
            try:
                cluster = stack.enter_context(start_local_cluster(n_workers, modules))
                client = stack.enter_context(_Quietly(ClosedOnFailureClient(cluster)))
            except (OSError, RuntimeError, TimeoutError) as error:
                raise not_started(error) from error
            yield client
        return
    try:
        client = ClosedOnFailureClient(scheduler, timeout=_CONNECT_SECONDS)
    except (OSError, ValueError, TypeError) as error:
        raise UsageError(_unreachable(scheduler, error)) from error
    with _Quietly(client) as connected:
        yield connected


def _unreachable(scheduler: str | Cluster, error: Exception) -> Problem:
    """Why no scheduler could be reached."""
    from distributed.comm.core import FatalCommClosedError

    address = scheduler if isinstance(scheduler, str) else scheduler.scheduler_address
    if isinstance(error, FatalCommClosedError | FileNotFoundError) or "ssl_context" in str(error):
        reason = "none" if "ssl_context" in str(error) else "one that the scheduler and this machine do not both know"
        if isinstance(error, FileNotFoundError):
            reason = "a file that is not there"
        return Problem(
            "--scheduler",
            f"expected the certificate of {address}, received {reason}",
            "Name it as Dask does: DASK_DISTRIBUTED__COMM__TLS__CA_FILE, ..._TLS__CLIENT__CERT and "
            "..._TLS__CLIENT__KEY.",
        )
    return Problem(
        "--scheduler",
        f"expected the address of a Dask scheduler, received {address}, where none answers within {_CONNECT_SECONDS} s",
        "Start one with `dask scheduler`, and give its address as tcp://HOST:8786, or as tls://HOST:8786 where it has "
        "a certificate.",
    )


def not_started(error: Exception) -> RegsearchError:
    """What to say when workers do not start."""
    reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return RegsearchError(f"The workers could not be started ({reason}). Run the same command again.")


@contextlib.contextmanager
def quiet_dask() -> Iterator[None]:
    """Let Dask log nothing: what matters is raised, and the end of a session is critical to it now and then."""
    import distributed  # noqa: F401  # which sets the levels itself, when it is first imported

    loggers = [logging.getLogger(name) for name in ("distributed", "distributed.client")]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)


def tell_of_threads(client: Client, note: Callable[[str], None]) -> None:
    """Say that a worker's second thread idles; one process for each core is what trains."""
    workers = client.scheduler_info(n_workers=-1)["workers"]
    several = [(address, told["nthreads"]) for address, told in workers.items() if told["nthreads"] > 1]
    if several:
        address, n_threads = several[0]
        note(
            f"The worker {address} has {n_threads} threads and trains one run at a time: `dask worker --nworkers "
            f"{n_threads} --nthreads 1` uses as many cores."
        )


def way_to_end_workers(client: Client, n_workers: int, scheduler: object | None) -> EndWorker | None:
    """How a worker that hangs is ended, with arguments as of `connected`; None where it is a thread: none can be."""
    if scheduler is not None:
        return partial(_restart_worker, client)
    return _kill_process if n_workers else None


def _kill_process(address: str, process: int) -> None:
    """End a worker of this machine, which may hear nothing any more; its nanny starts another one."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(process, signal.SIGKILL)


def _restart_worker(client: Client, address: str, process: int) -> None:
    """Have a scheduler's worker killed by its nanny; one without is let go, and what it runs is left to itself."""
    asked = client.scheduler.restart_workers(
        workers=[address],
        timeout=_REPLACE_SECONDS,
        wait_for_workers=False,
        on_error="return",
        stimulus_id=f"hangs-{uuid.uuid4().hex}",
    )
    client.loop.add_callback(_suppressed, asked)


async def _suppressed(asked: Awaitable[Any]) -> None:
    with contextlib.suppress(Exception):
        await asked


class _Quietly:
    """A client that is closed without waiting for a scheduler that is gone."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def __enter__(self) -> Client:
        return self._client

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(Exception):
            self._client.close(timeout=5)
