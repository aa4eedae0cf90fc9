"""A process from which local workers are forked: what all of them import is imported once, and shared.

It stands on the ground floor and imports nothing of the others, so that a command begins with it, and imports what it
needs itself meanwhile.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from multiprocessing import forkserver, resource_tracker, spawn
from typing import Any

ONE_THREAD = {
    # One thread a worker: workers x threads is the number of cores at most, and a sum's order of additions,
    # so every result, is the same whatever the number of workers.
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "TF_NUM_INTRAOP_THREADS": "1",
    "TF_NUM_INTEROP_THREADS": "1",
    # What fails is an exception. TensorFlow logs errors that are none, as when it finds a compiled program again.
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "KERAS_BACKEND": "tensorflow",
    # A limit on glibc's arenas keeps a long-lived worker from holding memory that it freed.
    "MALLOC_ARENA_MAX": "2",
}
"""The environment of workers."""

DATABASE_SECRETS = ("OPTUNA_STORAGE", "PGPASSWORD", "PGPASSFILE")
"""What may lead to the database: workers, and code of the user's in processes of its own, need none of it."""

TRAINING = ("search.dispatch.imported",)
"""What workers that train with Keras find imported."""

_ENDS_WITH_IT = "search.forked"
"""Imported first, by way of its name: it is meant for that process alone."""


def available_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def workers_begun(n_jobs: int, scheduler: object | None = None) -> AbstractContextManager[object]:
    """Begin with what `search.dispatch.open_workers` will need: what workers import is imported while other things are
    done.

    Args:
        n_jobs: Processes on this machine.
        scheduler: What has workers of its own; None for those of this machine.
    """
    return fork_server(TRAINING if n_jobs and scheduler is None else ())


@contextlib.contextmanager
def fork_server(modules: Sequence[str]) -> Iterator[str]:
    """Have workers forked from a process that has imported some modules.

    It imports them while the caller goes on. It ends with the block, unless it ran before: whoever begins early shares
    it with those who ask later.

    Args:
        modules: What it imports; they must leave no thread running, for a thread is not forked. Empty for workers that
            import everything themselves.

    Yields:
        How workers are to be started: `forkserver`; or `spawn` without modules, and on systems other than Linux, where
        libraries do not survive a fork.
    """
    if not modules or not sys.platform.startswith("linux"):
        yield "spawn"
        return
    if _is_running():
        yield "forkserver"
        return
    with sigint_blocked():
        _begin(modules)
    try:
        yield "forkserver"
    finally:
        end_fork_server()
        _OURS.clear()


def begin_fork_server_anew() -> int | None:
    """Begin the process that `fork_server` began once more, where it has died.

    multiprocessing does so by itself where a worker is started in the moment after: with all that leads to the
    database, and with what Dask has it import instead. That one is begun anew and ended like the first.

    Returns:
        Number of the process that workers are forked from now; None where they are not.
    """
    if _OURS and (pid := _pid()) is not None and _is_dead(pid):
        _begin(*_OURS)
    return _pid()


def end_fork_server() -> None:
    """End the process that `fork_server` began, if it did, with all that were forked from it."""
    if _OURS and (pid := _pid()) is not None:
        _stop(pid)


@contextlib.contextmanager
def main_left_out(name: str) -> Iterator[None]:
    """Start processes of a name without running the caller's script in them, as multiprocessing does by itself.

    What workers train is told in files, so that they need nothing of that script: one that starts a study in its first
    line would start it in each worker, too.

    Args:
        name: How the names of these processes begin; others are started as ever.
    """
    with _LEAVING_OUT:
        _LEFT_OUT.append(name)
        spawn.get_preparation_data = _without_main
    try:
        yield
    finally:
        with _LEAVING_OUT:
            _LEFT_OUT.remove(name)
            if not _LEFT_OUT:
                spawn.get_preparation_data = _PREPARED


_LEAVING_OUT = threading.Lock()
_LEFT_OUT: list[str] = []
_PREPARED = spawn.get_preparation_data


def _without_main(name: str) -> dict[str, Any]:
    told: dict[str, Any] = _PREPARED(name)
    if name.startswith(tuple(_LEFT_OUT)):
        # No public way says that a process is to do without.
        told = {key: value for key, value in told.items() if not key.startswith("init_main_from_")}
    return told


@contextlib.contextmanager
def sigint_blocked() -> Iterator[None]:
    """Start threads and processes that never hear SIGINT; one that comes meanwhile is delivered afterwards.

    A terminal sends Ctrl-C to the coordinator and to its workers alike; the coordinator alone decides what it means.
    A signal mask is inherited: by the threads of a cluster, and by each worker that these start, now and later.
    """
    # Started now: multiprocessing would start it with the first worker, and unblock SIGINT in that thread.
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


_OURS: list[Sequence[str]] = []
"""What the server imports that was begun here; empty where it is another's, of whom nothing may be ended."""


def _begin(modules: Sequence[str]) -> None:
    with environment({**dict.fromkeys(DATABASE_SECRETS), **ONE_THREAD}):
        multiprocessing.set_forkserver_preload([_ENDS_WITH_IT, *modules])
        forkserver.ensure_running()
    _OURS[:] = [modules]


def _is_dead(pid: int) -> bool:
    import psutil

    try:
        dead: bool = psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
    return dead


def _is_running() -> bool:
    return _pid() is not None


def _pid() -> int | None:
    # Nothing public tells it.
    pid: int | None = forkserver._forkserver._forkserver_pid  # type: ignore[attr-defined]  # private, see above
    return pid


def _stop(pid: int) -> None:
    """End the process, also while it imports; asked politely it would come to that only afterwards."""
    import psutil

    with contextlib.suppress(psutil.Error):
        server = psutil.Process(pid)
        for process in (*server.children(recursive=True), server):
            with contextlib.suppress(psutil.Error):
                process.kill()
    # No public way ends it before this process does. Without this the caller of `tune` would keep it for life.
    forkserver._forkserver._stop()  # type: ignore[attr-defined]  # private, see above


@contextlib.contextmanager
def environment(values: Mapping[str, str | None]) -> Iterator[None]:
    """Variables for a process that is started inside, and put back afterwards; None takes one away."""
    before = {name: os.environ.get(name) for name in values}
    _set_all(values)
    try:
        yield
    finally:
        _set_all(before)


def _set_all(values: Mapping[str, str | None]) -> None:
    for name, value in values.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
