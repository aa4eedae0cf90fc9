"""`open_workers`: a pool whose workers train."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

from search.dispatch.tasks import Train, make_trainer, perform
from search.execution import Cluster, Pool, open_pool
from search.fork_server import TRAINING
from search.training import TrainingPlan

_SAME_VERSIONS = ("regsearch", "tensorflow", "keras")
"""What scores depend on, and what is sent there and back."""


def open_workers(
    plan: TrainingPlan,
    *,
    n_jobs: int,
    scheduler: str | Cluster | None = None,
    train: Train | None = None,
    note: Callable[[str], None] = lambda _: None,
) -> AbstractContextManager[Pool]:
    """Workers that perform the tasks of a `Dispatcher`, for the length of a `with` block.

    Args:
        plan: What they train with; sent to each of them once.
        n_jobs: Processes on this machine; 0 for a thread of this one.
        scheduler: Address of a Dask scheduler to use instead, or a Dask cluster.
        train: Trains in the place of Keras, for tests and benchmarks.
        note: Told in a sentence what is to be known of a scheduler's workers: that there is none, say.

    Raises:
        UsageError: No scheduler answers at that address, or its workers run with other versions.
    """
    return open_pool(
        perform,
        plan,
        n_workers=n_jobs,
        scheduler=scheduler,
        start=make_trainer(train),
        note=note,
        modules=TRAINING if train is None else (),
        packages=_SAME_VERSIONS,
        is_one_at_a_time=train is None,
    )
