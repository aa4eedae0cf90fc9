"""What runs on a Dask worker: its start, the call of a function on an item, its messages, its renewal and its end.

A message goes through the stream on which the worker also tells the scheduler that a task ended. So messages come to
the pool in their order, and before the end of the task that sent them. A value that is small enough comes as a message,
too: that is two hops of a packet that goes anyway, where Dask's own way asks the worker for it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import threading
import time
import uuid
from collections.abc import Callable
from enum import IntEnum
from typing import Any

import dask
from distributed import Reschedule, Status, Worker, WorkerPlugin, get_worker
from distributed.protocol import pickle

from search.execution.versions import Versions, difference_in_words, own_versions

# Each stream and the scheduler keep their last N messages for those who debug Dask; N is Dask's setting. A value
# that would make more of them than this goes another way.
_MOST_KEPT_BYTES = 2**23
_FETCH_SECONDS = 10.0
_LOOK_SECONDS = 0.01
_CLIENT_LOOK_SECONDS = 30.0


class NotStartedError(Exception):
    """What a worker holds for its items could not be made; no item of the pool can run there."""


class Kind(IntEnum):
    """What a message holds."""

    REPORT = 1
    VALUE = 2
    BEGUN = 3
    LEAVES = 4


class Called:
    """A call of `call`, which comes to pass where it is unpickled: on a worker.

    A scheduler unpickles the functions that it is to hand on. It knows `pickle.loads`, whatever it has installed.
    """

    def __init__(self, token: str, payload: bytes) -> None:
        self._arguments = (token, payload)

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[str, bytes]]:
        """What unpickling calls."""
        return call, self._arguments


def call(token: str, payload: bytes) -> Any:
    """Call the pool's function on what the worker holds, an item and a way to report.

    Args:
        token: Name of the pool's plugin.
        payload: The pickled item.

    Returns:
        What the function returned where it is too large for a message; None where a message holds it.

    Raises:
        NotStartedError: The worker's start failed.
    """
    plugin: PoolPlugin = get_worker().plugins[token]
    return plugin.call(payload)


class PoolPlugin(WorkerPlugin):
    """What a worker holds for a pool; the scheduler gives it to workers that come later, too.

    Args:
        function: Called as `function(held, item, report)`.
        shared: The value that all items share.
        topic: Where the pool listens.
        start: Makes what the worker holds of the shared value: called once, in a thread of its own, when the worker
            starts. None: the shared value itself is held.
        most_growth_bytes: A worker that has grown by more since the end of its first item is renewed.
        is_one_at_a_time: Whether a worker of several threads works on one item all the same.
        wanted: What workers have to run with. One that comes later and runs with something else leaves.
        client: Whose pool it is, as the scheduler knows it: when it is gone, what is held is let go. None where the
            workers end with it.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        shared: Any,
        topic: str,
        start: Callable[[Any], Any] | None,
        most_growth_bytes: int,
        is_one_at_a_time: bool,
        wanted: Versions,
        client: str | None,
    ) -> None:
        self._function = function
        self._shared = shared
        self._topic = topic
        self._start = start
        self._held: Any = None
        self._is_started = False
        self._most_growth_bytes = most_growth_bytes
        self._first_bytes: int | None = None
        self._values: dict[str, tuple[_Line, bytes]] = {}
        self._is_one_at_a_time = is_one_at_a_time
        self._wanted = wanted
        self._client = client
        self._is_leaving = False
        self._watch: asyncio.Task[None] | None = None

    def setup(self, worker: Worker) -> None:
        """Begin to make what is held, which the process's own start does not wait for."""
        self._worker = worker
        self._turn: contextlib.AbstractContextManager[Any] = contextlib.nullcontext()
        if self._is_one_at_a_time:
            self._turn = threading.Lock()
        words = difference_in_words(self._wanted, own_versions([name for name in self._wanted if name != "Python"]))
        if words is not None:
            self._is_leaving = True
            worker.log_event(self._topic, (worker.address, "", int(Kind.LEAVES), pickle.dumps(words)))
            worker.loop.add_callback(worker.close_gracefully, reason=f"a search expects other versions: {words}")
            return
        if self._client is not None:
            self._watch = asyncio.get_running_loop().create_task(self._watch_client(worker, self._client))
        self._starting = threading.Thread(target=self._start_early, name="start", daemon=True)
        self._starting.start()

    def teardown(self, worker: Worker) -> None:
        """Let go of what is held: the process, which may be the caller's own, goes on without it."""
        self._held, self._is_started = None, False
        if self._watch is not None and self._watch is not asyncio.current_task():
            self._watch.cancel()

    async def _watch_client(self, worker: Worker, client: str) -> None:
        """When the coordinator was killed, have the scheduler take from all workers what its pool gave them.

        It lives on with the scheduler, which may serve others for months.
        """
        while True:
            await asyncio.sleep(_CLIENT_LOOK_SECONDS)
            with contextlib.suppress(Exception):  # the scheduler is away for now, or another worker was first
                events = await worker.scheduler.events(topic=client)
                actions = [told.get("action") for _, told in events]
                if not actions or actions[-1] == "remove-client":
                    await worker.scheduler.unregister_worker_plugin(name=self._topic)

    def _start_early(self) -> None:
        # The first item tries again what failed here, and tells it.
        with contextlib.suppress(Exception):
            self._make_held()

    def _make_held(self) -> None:
        self._held = self._shared if self._start is None else self._start(self._shared)
        self._is_started = True

    def call(self, payload: bytes) -> Any:
        """See the function `call`."""
        if self._is_leaving:
            raise Reschedule
        # Two threads that import one package at a time may see it half made.
        self._starting.join()
        with self._turn:
            return self._call(payload)

    def _call(self, payload: bytes) -> Any:
        if not self._is_started:
            try:
                self._make_held()
            except Exception as error:
                raise NotStartedError(in_one_line(error)) from error
        item = pickle.loads(payload)
        line = _Line(self._worker, self._topic)
        line.send(Kind.BEGUN, pickle.dumps((self._worker.address, os.getpid(), socket.gethostname())))
        try:
            value = self._function(self._held, item, line.report)
        finally:
            self._renew_if_grown()
        pickled = pickle.dumps(value)
        log_length = dask.config.get("distributed.admin.low-level-log-length")
        if len(pickled) * log_length > _MOST_KEPT_BYTES and line.wanted:
            return value
        self._values[line.key] = (line, pickled)
        return None

    def transition(self, key: str, start: str, finish: str, **_: Any) -> None:
        """Send a value in the packet that tells the task's end; sent before, it would hold up that one by 2 ms."""
        if key in self._values:
            line, pickled = self._values.pop(key)
            line.send(Kind.VALUE, pickled)

    def _renew_if_grown(self) -> None:
        now_bytes = self._worker.monitor.get_process_memory()
        if self._first_bytes is None:
            self._first_bytes = now_bytes
        elif now_bytes - self._first_bytes > self._most_growth_bytes and self._worker.nanny is not None:
            # Queued before the end of this item is told, so that the scheduler sends no other meanwhile.
            self._worker.loop.add_callback(self._renew)

    async def _renew(self) -> None:
        """Have the nanny start this process anew, once nothing runs here and no result is left to fetch.

        It is `Worker.close_gracefully(restart=True)`, except that it takes no item from now on, and that it does not
        leave with results which then have to be computed again.
        """
        worker = self._worker
        before = worker.status
        if before not in (Status.running, Status.paused):
            return
        worker.status = Status.closing_gracefully
        while worker.state.executing:
            await asyncio.sleep(_LOOK_SECONDS)
        given_up = time.monotonic() + _FETCH_SECONDS
        while worker.data:
            if time.monotonic() > given_up:  # the pool is busy, or it is another's; after the next item once more
                worker.status = before
                return
            await asyncio.sleep(_LOOK_SECONDS)
        # A heartbeat that the scheduler no longer knows makes a worker close, and tell its nanny to end as well; a
        # worker that knows of none is started again whatever closed it.
        address, worker.nanny = worker.nanny, None
        # The answer never comes: the nanny ends this process. And the pool may close first.
        with contextlib.suppress(OSError, RuntimeError):
            await worker.scheduler.retire_workers(
                workers=[worker.address], close_workers=False, remove=True, stimulus_id=f"renew-{uuid.uuid4().hex}"
            )
            async with worker.rpc(address) as nanny:
                await nanny.restart(reason="its memory grew")


def in_one_line(error: BaseException) -> str:
    """An error's class and the first line of its message."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0] if lines else 'no message'}"


class _Line:
    """The way from one attempt at an item to the pool."""

    def __init__(self, worker: Worker, topic: str) -> None:
        self._worker = worker
        self._topic = topic
        self.key = worker.get_current_task()
        self._attempt = uuid.uuid4().hex

    @property
    def wanted(self) -> bool:
        """Whether the pool still waits for the item; Dask notes on the worker when it has let the task go."""
        task = self._worker.state.tasks.get(self.key)
        return task is not None and task.state == "executing"

    def report(self, message: Any) -> bool:
        """Send a message; False when the item was withdrawn."""
        self.send(Kind.REPORT, pickle.dumps(message))
        return self.wanted

    def send(self, kind: Kind, pickled: bytes) -> None:
        self._worker.log_event(self._topic, (self.key, self._attempt, int(kind), pickled))
