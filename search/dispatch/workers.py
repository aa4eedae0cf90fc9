"""`open_workers`: a pool whose workers train."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

from search.dispatch.tasks import Train, make_trainer, perform
from search.execution import Pool, open_pool
from search.fork_server import TRAINING
from search.training import TrainingPlan


def open_workers(
    plan: TrainingPlan,
    *,
    n_jobs: int,
    scheduler: str | None = None,
    train: Train | None = None,
    on_waiting: Callable[[], None] = lambda: None,
) -> AbstractContextManager[Pool]:
    """Workers that perform the tasks of a `Dispatcher`, for the length of a `with` block.

    Args:
        plan: What they train with; sent to each of them once.
        n_jobs: Processes on this machine; 0 for a thread of this one.
        scheduler: Address of a Dask scheduler to use instead.
        train: Trains in the place of Keras, for tests and benchmarks.
        on_waiting: Called once when the scheduler has no worker yet.

    Raises:
        UsageError: No scheduler answers at that address.
    """
    return open_pool(
        perform,
        plan,
        n_workers=n_jobs,
        scheduler=scheduler,
        start=make_trainer(train),
        on_waiting=on_waiting,
        modules=TRAINING if train is None else (),
    )
