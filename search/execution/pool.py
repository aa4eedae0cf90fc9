"""Submit items to workers and wait for what is done, whoever the workers are.

The pool knows nothing of training. It takes one function and one value that all items share (sent to each worker
once, and to each replacement of a worker that died), and calls `function(shared, item)` there.
"""

from __future__ import annotations

import contextlib
import logging
import queue
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any

from search.errors import Problem, RegsearchError, UsageError

if TYPE_CHECKING:
    from distributed import Client, Future

_CONNECT_SECONDS = 10
_DIED = "its worker died each time it was tried (out of memory, or killed)"


@dataclass(frozen=True)
class Done:
    """One item that came back.

    Args:
        item: What was submitted.
        value: What the function returned; None when it failed.
        error: Why there is no value, in one line: the function raised, or its workers died.
        worker_died: Whether it was the latter.
    """

    item: Any
    value: Any = None
    error: str | None = None
    worker_died: bool = False


class Pool:
    """Workers that call one function on items; use it through `open_pool`."""

    def __init__(self, client: Client, function: Callable[[Any, Any], Any], shared: Any) -> None:
        from search.execution._worker import SharedValue

        self._client = client
        self._function = function
        self._token = f"regsearch-{uuid.uuid4().hex}"
        self._done: queue.SimpleQueue[tuple[Any, Future]] = queue.SimpleQueue()
        self._futures: set[Future] = set()
        try:
            client.register_plugin(SharedValue(shared), name=self._token)
        except (OSError, TimeoutError) as error:  # a worker died just now
            raise _not_started(error) from error

    @property
    def n_workers(self) -> int:
        """Workers that stand ready now."""
        return len(self._client.scheduler_info(n_workers=-1)["workers"])

    def submit(self, item: Any) -> None:
        """Have a worker call the function on `item`; an item whose worker dies is submitted again."""
        from search.execution._worker import call

        future = self._client.submit(call, self._token, self._function, item, pure=False)
        self._futures.add(future)
        self._watch(item, future)

    def _watch(self, item: Any, future: Future) -> None:
        future.add_done_callback(lambda finished: self._done.put((item, finished)))

    def wait(self, timeout_seconds: float) -> list[Done]:
        """Everything that came back, after waiting for the first at most `timeout_seconds`.

        Raises:
            RegsearchError: The scheduler went away, and with it the items.
        """
        finished: list[tuple[Any, Future]] = []
        with contextlib.suppress(queue.Empty):
            finished.append(self._done.get(timeout=timeout_seconds))
            while True:
                finished.append(self._done.get_nowait())
        return [done for item, future in finished if (done := self._collect(item, future)) is not None]

    def _collect(self, item: Any, future: Future) -> Done | None:
        from distributed import KilledWorker

        if future.status in ("lost", "pending"):
            # The worker died with the result before it was fetched; Dask computes it again.
            self._watch(item, future)
            return None
        if future.status == "finished":
            try:
                return Done(item, value=future.result())
            finally:
                self._futures.discard(future)
        self._futures.discard(future)
        if future.status == "cancelled":
            raise RegsearchError("The Dask scheduler went away. What ended is stored; run the same command to go on.")
        error = future.exception()
        if isinstance(error, KilledWorker):
            return Done(item, error=_DIED, worker_died=True)
        message = str(error).strip().splitlines()
        return Done(item, error=f"{type(error).__name__}: {message[0] if message else 'no message'}")

    def close(self) -> None:
        """Withdraw what is not done and take the shared value from the workers."""
        with contextlib.suppress(Exception):
            self._client.cancel(list(self._futures), force=True)
        with contextlib.suppress(Exception):
            self._client.unregister_worker_plugin(self._token)


@contextlib.contextmanager
def open_pool(
    function: Callable[[Any, Any], Any],
    shared: Any,
    *,
    n_workers: int,
    scheduler: str | None = None,
    on_waiting: Callable[[], None] = lambda: None,
) -> Iterator[Pool]:
    """Workers on this machine, or those of a Dask scheduler.

    Args:
        function: Called on a worker as `function(shared, item)`; importable by name there.
        shared: Sent to each worker once.
        n_workers: Processes to start on this machine; without meaning when `scheduler` is given.
        scheduler: Address of a Dask scheduler (`tcp://host:8786`); None starts a local cluster.
        on_waiting: Called once when the scheduler has no worker yet; what is submitted waits for the first.

    Raises:
        UsageError: No scheduler answers at that address.
    """
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    with _connect(n_workers, scheduler) as client:
        pool = Pool(client, function, shared)
        try:
            if not pool.n_workers:
                on_waiting()
            yield pool
        finally:
            pool.close()


@contextlib.contextmanager
def _connect(n_workers: int, scheduler: str | None) -> Iterator[Client]:
    from distributed import Client

    from search.execution.local import start_local_cluster

    if scheduler is None:
        with contextlib.ExitStack() as stack:
            try:
                cluster = stack.enter_context(start_local_cluster(n_workers))
                client = stack.enter_context(_Quietly(Client(cluster)))
            except (OSError, RuntimeError, TimeoutError) as error:
                raise _not_started(error) from error
            yield client
        return
    try:
        client = Client(scheduler, timeout=_CONNECT_SECONDS)
    except (OSError, ValueError, TypeError) as error:
        raise UsageError(
            Problem(
                "--scheduler",
                f"expected the address of a Dask scheduler, received {scheduler}, where none answers "
                f"within {_CONNECT_SECONDS} s",
                "Start one with `dask scheduler`, and give its address as tcp://HOST:8786.",
            )
        ) from error
    with _Quietly(client) as connected:
        yield connected


def _not_started(error: Exception) -> RegsearchError:
    reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return RegsearchError(f"The workers could not be started ({reason}). Run the same command again.")


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
