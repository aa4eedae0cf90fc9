"""Submit items to workers and wait for what is reported and done, whoever the workers are.

The pool knows nothing of training. It takes one function and one value that all items share (sent to each worker
once, and to each replacement of a worker that died). A worker may make something of that value when it starts, which it
holds as long as it lives; the pool calls `function(held, item, report)` there.

- `report(message)` sends a message to the coordinator at once. It returns False when the item was withdrawn, or when
  the coordinator is gone: the function should then end early.
- An item whose worker dies starts anew on another one; after four deaths it is given up.
- A worker that has grown too large is started anew between two items.
- Workers of a scheduler come and go. Those that run with other versions are not used (`versions`).
"""

from __future__ import annotations

import contextlib
import enum
import queue
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pickle import loads as _loads
from typing import TYPE_CHECKING, Any

from search.errors import RegsearchError
from search.execution.connecting import (
    Cluster,
    EndWorker,
    connected,
    not_started,
    quiet_dask,
    tell_of_threads,
    way_to_end_workers,
)
from search.execution.versions import Versions, own_versions, refuse_other_versions

if TYPE_CHECKING:
    from distributed import Client, Future

Report = Callable[[Any], bool]
Function = Callable[[Any, Any, Report], Any]

_MOST_TRIES = 4
_WITHDRAWAL_SECONDS = 10.0
_COUNT_SECONDS = 1.0
_GIBIBYTE = 2**30
_MOST_COUNTED_SECONDS = 5.0
_DIED = "its worker died each time it was tried (out of memory, or killed)"


@dataclass(frozen=True)
class Reported:
    """A message from an item that is not done.

    Args:
        item: What was submitted; the very object.
        message: What the function reported.
        attempt: 1, or more when a worker died after a report: the item then started anew, and reports from its
            start. Reports of an earlier attempt never come after those of a later one.
    """

    item: Any
    message: Any
    attempt: int = 1


class ItemFailure(enum.Enum):
    """Where an item failed."""

    WORKER_DIED = "its worker died each time it was tried"
    NOT_STARTED = "its worker could not start"
    RAISED = "the function raised"


@dataclass(frozen=True)
class Attempt:
    """What is known of a worker that began an item and did not end it.

    Args:
        worker: `host:pid`.
        seconds: From its begin to its end, as far as the pool was asked.
    """

    worker: str
    seconds: float


@dataclass(frozen=True)
class Done:
    """One item that came back.

    Args:
        item: What was submitted; the very object.
        value: What the function returned; None when it failed.
        error: Why there is no value, in one line.
        failure: The same for programs.
        withdrawn: Whether it was withdrawn. `value` is then what the function returned if it had begun and ended
            in time, else None.
        deaths: Of an item whose worker died each time: those that had begun it, in their order. One may have died
            before it said so.
    """

    item: Any
    value: Any = None
    error: str | None = None
    failure: ItemFailure | None = None
    withdrawn: bool = False
    deaths: tuple[Attempt, ...] = ()


@dataclass(frozen=True)
class Running:
    """An item that a worker has begun.

    Args:
        item: What was submitted; the very object.
        seconds: Since this attempt began, as far as the pool was asked.
        silent_seconds: Since its last sign: its begin or a report.
        worker: `host:pid`.
    """

    item: Any
    seconds: float
    silent_seconds: float
    worker: str = ""


@dataclass
class _Open:
    """An item that is not done.

    Args:
        item: What was submitted.
        future: Dask's hold on it.
        attempts: Attempts that sent a message, in their order.
        given_up: When a withdrawn item is no longer waited for, in seconds of the monotonic clock.
        where: Address, process and host of the worker that has begun it.
        deaths: Those that had begun it before.
        seconds: For how long it has run there, as the pool's clock counts.
        silent_seconds: For how long without a sign.
    """

    item: Any
    future: Future
    attempts: list[str] = field(default_factory=list)
    given_up: float | None = None
    where: tuple[str, int, str] | None = None
    deaths: list[Attempt] = field(default_factory=list)
    seconds: float = 0.0
    silent_seconds: float = 0.0

    @property
    def worker(self) -> str:
        """The worker that has begun it, `host:pid`; empty where none has."""
        return "" if self.where is None else f"{self.where[2]}:{self.where[1]}"

    def end_attempt(self) -> None:
        """Take note that the worker which has begun it, if any has, did not end it."""
        if self.where is not None:
            self.deaths.append(Attempt(self.worker, self.seconds))
        self.where, self.seconds = None, 0.0


class Pool:
    """Workers that call one function on items; use it through `open_pool`, from one thread."""

    def __init__(
        self,
        client: Client,
        function: Function,
        shared: Any,
        start: Callable[[Any], Any] | None = None,
        most_growth_bytes: int = _GIBIBYTE,
        end_worker: EndWorker | None = None,
        note: Callable[[str], None] = lambda _: None,
        is_one_at_a_time: bool = False,
        wanted: Versions | None = None,
    ) -> None:
        from search.execution._worker import PoolPlugin

        self._client = client
        self._token = f"regsearch-{uuid.uuid4().hex}"
        self._open: dict[str, _Open] = {}
        # What other threads received, to be understood in the caller's.
        self._received: queue.SimpleQueue[Callable[[], Reported | Done | None]] = queue.SimpleQueue()
        self._n_workers, self._next_count = 0, 0.0
        self._note = note
        self._is_missed = False  # that there is no worker was said
        self._counted_at = time.monotonic()
        self._end_worker = end_worker
        client.subscribe_topic(self._token, lambda event: self._received.put(partial(self._understand, *event[1])))
        plugin = PoolPlugin(
            function,
            shared,
            self._token,
            start,
            most_growth_bytes,
            is_one_at_a_time,
            wanted or {},
            client.id if wanted else None,
        )
        for left in reversed(range(_MOST_TRIES)):
            try:
                client.register_plugin(plugin, name=self._token)
                break
            # A worker died just now; its replacement may not. Tornado speaks of a value where a stream has just ended.
            except (OSError, TimeoutError, ValueError) as error:
                if not left:
                    raise not_started(error) from error

    @property
    def n_workers(self) -> int:
        """Workers that stand ready, as they were counted a second ago at most."""
        if time.monotonic() >= self._next_count:
            self.count_workers()
        return self._n_workers

    def count_workers(self) -> None:
        """Count the workers, and tell where there is none."""
        self._next_count = time.monotonic() + _COUNT_SECONDS
        with contextlib.suppress(OSError, TimeoutError, RuntimeError):  # the end of the items tells that it is gone
            self._n_workers = len(self._client.scheduler_info(n_workers=-1)["workers"])
            self._tell_of_none()

    def _tell_of_none(self) -> None:
        """Say once that no worker is there, and that there is one again."""
        if self._n_workers and self._is_missed:
            self._note("A worker is there." if self._n_workers == 1 else f"{self._n_workers} workers are there.")
        elif not self._n_workers and not self._is_missed:
            self._note("Waiting for a worker: the scheduler has none.")
        self._is_missed = not self._n_workers

    def submit(self, item: Any) -> None:
        """Have a worker call the function on `item`; an item whose worker dies is submitted again.

        Args:
            item: What the function is called on. It comes back in `Reported.item` and `Done.item`.
        """
        from distributed.protocol import pickle

        from search.execution._worker import Called

        # Pickled here, so that the scheduler passes it on unread.
        called = pickle.dumps(Called(self._token, pickle.dumps(item)))
        future = self._client.submit(_loads, called, key=f"regsearch-{uuid.uuid4()}", pure=False)
        self._open[future.key] = _Open(item, future)
        self._watch(future)

    def _watch(self, future: Future) -> None:
        future.add_done_callback(lambda settled: self._received.put(partial(self._settle, settled)))

    def withdraw(self, item: Any) -> None:
        """Ask that an item ends early; without effect when it is done or was never submitted.

        An item that has reported ends by itself, and its value comes with `Done`; where it does not end within
        10 s (it does not heed `report`, or its worker died), and for an item that has not reported, `Done` comes
        without a value. There are no more reports of it.

        Args:
            item: What was submitted: the very object, not one that equals it.
        """
        now = time.monotonic()
        for open_item in self._open.values():
            if open_item.item is item and open_item.given_up is None:
                open_item.given_up = now + _WITHDRAWAL_SECONDS if open_item.attempts else now
                # Where it waits, it is forgotten; where it runs, the worker learns that nobody wants it.
                open_item.future.release()

    def wait(self, timeout_seconds: float) -> list[Reported | Done]:
        """Everything that came, after waiting for the first at most `timeout_seconds`.

        Returns:
            Reports and ends in the order in which they came; an item's reports before its end.

        Raises:
            RegsearchError: The scheduler went away, and with it the items.
        """
        self._count_seconds()
        if not self.n_workers:
            timeout_seconds = min(timeout_seconds, _COUNT_SECONDS)
        told = self._give_up()
        with contextlib.suppress(queue.Empty):
            received = self._received.get(timeout=0 if told else timeout_seconds)
            while True:
                if (one := received()) is not None:
                    told.append(one)
                received = self._received.get_nowait()
        return told

    def running(self) -> list[Running]:
        """The items that were begun, with how long they have run; none where a worker cannot be ended."""
        if self._end_worker is None:
            return []
        return [
            Running(one.item, one.seconds, one.silent_seconds, one.worker)
            for one in self._open.values()
            if one.where is not None and one.given_up is None
        ]

    def abandon(self, item: Any) -> None:
        """Forget an item that hangs, with the worker that has begun it: the process is killed, and another one started
        in its place. There is no `Done`.

        Args:
            item: What was submitted: the very object.
        """
        for key, one in list(self._open.items()):
            if one.item is item:
                del self._open[key]
                self._client.cancel([one.future], force=True)
                if one.where is not None and self._end_worker is not None:
                    self._end_worker(*one.where[:2])

    def _count_seconds(self) -> None:
        """Count how long items have run. What passed while nobody asked, since this process was stopped, counts little:
        their messages may be waiting.
        """
        now = time.monotonic()
        passed, self._counted_at = min(now - self._counted_at, _MOST_COUNTED_SECONDS), now
        for one in self._open.values():
            if one.where is not None:
                one.seconds += passed
                one.silent_seconds += passed

    def _give_up(self) -> list[Reported | Done]:
        """End the withdrawn items that are no longer waited for."""
        now = time.monotonic()
        overdue = [key for key, one in self._open.items() if one.given_up is not None and one.given_up <= now]
        return [Done(self._open.pop(key).item, withdrawn=True) for key in overdue]

    def _understand(self, key: str, attempt: str, kind: int, pickled: bytes) -> Reported | Done | None:
        """A message from a worker."""
        from distributed.protocol import pickle

        from search.execution._worker import Kind

        if kind == Kind.LEAVES:
            self._note(f"The worker {key} is not used, it runs with other versions: {pickle.loads(pickled)}.")
            return None
        one = self._open.get(key)
        if one is None:
            return None
        one.silent_seconds = 0.0
        if kind == Kind.BEGUN:
            one.end_attempt()
            one.where = pickle.loads(pickled)
            return None
        if attempt not in one.attempts:
            one.attempts.append(attempt)
        if attempt != one.attempts[-1]:
            return None
        withdrawn = one.given_up is not None
        if kind == Kind.REPORT:
            return None if withdrawn else Reported(one.item, pickle.loads(pickled), len(one.attempts))
        del self._open[key]
        return Done(one.item, value=pickle.loads(pickled), withdrawn=withdrawn)

    def _settle(self, future: Future) -> Done | None:
        """The end of a task, whose value came in a message, is still to be fetched, or does not exist."""
        from distributed import KilledWorker

        from search.execution._worker import NotStartedError, in_one_line

        one = self._open.get(future.key)
        if one is None or one.given_up is not None:
            return None
        if future.status in ("lost", "pending"):
            # The worker died with the result before it was fetched; Dask computes it again.
            self._watch(future)
            return None
        del self._open[future.key]
        if future.status == "finished":
            return Done(one.item, value=future.result())
        if future.status == "cancelled":
            raise RegsearchError("The Dask scheduler went away. What ended is stored; run the same command to go on.")
        error = future.exception()
        if isinstance(error, KilledWorker):
            one.end_attempt()
            return Done(one.item, error=_DIED, failure=ItemFailure.WORKER_DIED, deaths=tuple(one.deaths))
        if isinstance(error, NotStartedError):
            return Done(one.item, error=str(error), failure=ItemFailure.NOT_STARTED)
        return Done(one.item, error=in_one_line(error), failure=ItemFailure.RAISED)

    def close(self) -> None:
        """Withdraw what is not done and take the shared value from the workers."""
        with contextlib.suppress(Exception):
            self._client.cancel([one.future for one in self._open.values()], force=True)
        with contextlib.suppress(Exception):
            self._client.unsubscribe_topic(self._token)
        with contextlib.suppress(Exception):
            self._client.unregister_worker_plugin(self._token)


@contextlib.contextmanager
def open_pool(
    function: Function,
    shared: Any,
    *,
    n_workers: int,
    scheduler: str | Cluster | None = None,
    start: Callable[[Any], Any] | None = None,
    most_growth_bytes: int = _GIBIBYTE,
    note: Callable[[str], None] = lambda _: None,
    modules: Sequence[str] = (),
    packages: Sequence[str] = (),
    is_one_at_a_time: bool = False,
) -> Iterator[Pool]:
    """Workers on this machine, or those of a Dask scheduler.

    Args:
        function: Called on a worker as `function(held, item, report)`; importable by name there.
        shared: Sent to each worker once.
        n_workers: Processes to start on this machine, 0 for a thread of this one; without meaning when `scheduler` is
            given.
        scheduler: Address of a Dask scheduler (`tcp://host:8786`), or a Dask cluster; None starts a local one.
        start: Called as `start(shared)` once in each worker when it starts, in the background; what it returns is held
            there. The first item waits for its end, and tries again what it raised; items of a worker that cannot
            start come back with `ItemFailure.NOT_STARTED`. None holds the shared value itself.
        most_growth_bytes: A worker whose resident memory has grown by more since the end of its first item is
            started anew between two items, where a nanny can start it.
        note: Told in a sentence that the scheduler has no worker, for which what is submitted waits, and what else is
            to be known of its workers; called by the thread that uses the pool.
        modules: What workers on this machine find imported, see `fork_server`.
        packages: Distributions whose versions are to be the same on a scheduler's workers as here, as Python's is.
        is_one_at_a_time: Whether a worker of several threads works on one item all the same.

    Raises:
        UsageError: No scheduler answers at that address, or its workers run with other versions.
    """
    with quiet_dask(), connected(n_workers, scheduler, modules) as client:
        end_worker = way_to_end_workers(client, n_workers, scheduler)
        wanted = own_versions(packages) if scheduler is not None else None
        if wanted is not None:
            refuse_other_versions(client, wanted)
            if is_one_at_a_time:
                tell_of_threads(client, note)
        told = note if scheduler is not None else lambda _: None  # workers of this machine are replaced
        pool = Pool(client, function, shared, start, most_growth_bytes, end_worker, told, is_one_at_a_time, wanted)
        try:
            pool.count_workers()
            yield pool
        finally:
            if scheduler is not None or not n_workers:  # processes of ours are killed, and some may not answer
                pool.close()
