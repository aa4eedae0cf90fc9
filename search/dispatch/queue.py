"""Tasks on their way to a pool's workers, and those that are tried again alone."""

from __future__ import annotations

from collections import deque

from search.dispatch.tasks import Task
from search.execution import Done, Pool, Reported, Running


class TaskQueue:
    """Hands tasks to a pool at once, but for a while in which one of them has all workers' memory to itself.

    A task that killed its workers, or for which there was no memory, may have been the victim of those beside it. It is
    tried again when nothing else is on its way; what is submitted meanwhile is kept back.

    Args:
        pool: Where tasks are performed.
    """

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._n_submitted = 0  # and not done
        self._to_try_alone: deque[Task] = deque()
        self._tried_alone: set[Task] = set()
        self._kept_back: list[Task] = []
        self._one_is_alone = False
        self._withdrawn: list[Done] = []

    @property
    def n_workers(self) -> int:
        """Workers that stand ready."""
        return self._pool.n_workers

    def submit(self, task: Task) -> None:
        """Have a task done, now or when the one that is tried alone has ended."""
        if self._to_try_alone or self._one_is_alone:
            self._kept_back.append(task)
        else:
            self._submit(task)

    def try_alone(self, task: Task) -> bool:
        """Try a task again when nothing else is on its way; False when it had that chance already.

        Args:
            task: A task that is done.
        """
        if task in self._tried_alone:
            return False
        self._tried_alone.add(task)
        self._to_try_alone.append(task)
        return True

    def withdraw(self, task: Task) -> None:
        """Ask that a task ends early, as `Pool.withdraw`; one that is not with the pool yet ends now."""
        for waiting in (self._kept_back, self._to_try_alone):
            if any(one is task for one in waiting):
                waiting.remove(task)
                self._withdrawn.append(Done(task, withdrawn=True))
                return
        self._pool.withdraw(task)

    def running(self) -> list[Running]:
        """The tasks that workers have begun, as `Pool.running`."""
        return self._pool.running()

    def abandon(self, task: Task) -> None:
        """Forget a task that hangs, with its worker, as `Pool.abandon`."""
        self._n_submitted -= 1
        self._pool.abandon(task)

    def wait(self, timeout_seconds: float) -> list[Reported | Done]:
        """What came of the tasks, as `Pool.wait`."""
        if not self._n_submitted:
            self._submit_next()
        ended, self._withdrawn = self._withdrawn, []
        received = self._pool.wait(0 if ended else timeout_seconds)
        self._n_submitted -= sum(isinstance(one, Done) for one in received)
        return [*ended, *received]

    def _submit_next(self) -> None:
        """Nothing is on its way: the next task that is tried alone, or else all that was kept back."""
        self._one_is_alone = bool(self._to_try_alone)
        if self._one_is_alone:
            self._submit(self._to_try_alone.popleft())
        else:
            kept_back, self._kept_back = self._kept_back, []
            for task in kept_back:
                self._submit(task)

    def _submit(self, task: Task) -> None:
        self._n_submitted += 1
        self._pool.submit(task)
