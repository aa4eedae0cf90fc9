"""What commands that train have in common: who trains, and what is shown of it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

import click

from search.cli._render import is_quiet, say
from search.cli._signals import explained
from search.fork_server import available_cores

if TYPE_CHECKING:
    from search.coordination.progress import Observer
    from search.followup.again import Trainers
    from search.preparation.study import PreparedStudy

Command = TypeVar("Command", bound=Callable[..., Any])


def n_jobs_option(command: Command) -> Command:
    """`--n-jobs N`."""
    return click.option(
        "--n-jobs", type=click.IntRange(1), metavar="N", help="Worker processes; default: the number of cores."
    )(command)


def scheduler_option(command: Command) -> Command:
    """`--scheduler ADDRESS`."""
    return click.option(
        "--scheduler",
        metavar="ADDRESS",
        envvar="DASK_SCHEDULER_ADDRESS",
        help="Train on the workers of a Dask scheduler: tcp://HOST:8786 or tls://HOST:8786. "
        "Default: $DASK_SCHEDULER_ADDRESS.",
    )(command)


def repeats_option(command: Command) -> Command:
    """`--repeats N`."""
    return click.option(
        "--repeats",
        type=click.IntRange(2),
        metavar="N",
        help="Fresh divisions of the rows; default: as many as the verdict has, 5 at least.",
    )(command)


def again_option(command: Command) -> Command:
    """`--again`."""
    return click.option("--again", is_flag=True, help="Train anew, though the same is stored.")(command)


def count_workers(n_jobs: int | None) -> int:
    """Workers to run, one a core at most; who asked for more is told."""
    cores = available_cores()
    if n_jobs is not None and n_jobs > cores:
        say(f"--n-jobs {n_jobs}: this machine has {cores} cores, so {cores} workers run.")
    return min(n_jobs or cores, cores)


def trainers(n_jobs: int | None, scheduler: str | None) -> Trainers:
    """Who trains for a command that is no `run`, and what is shown of it."""
    from search.coordination.launching import Launch
    from search.followup.again import Trainers

    return Trainers(Launch(count_workers(n_jobs), scheduler), _watched)


@contextlib.contextmanager
def _watched(prepared: PreparedStudy) -> Iterator[Observer]:
    from search.cli._progress import watch

    interrupted = "Interrupted. Nothing of it is stored; the same command begins it anew."
    with explained(interrupted), watch(prepared, quiet=is_quiet(), notes=False) as observer:
        yield observer
