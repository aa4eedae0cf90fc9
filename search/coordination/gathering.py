"""Runs that are no part of the search are had trained, and their results gathered."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from search.coordination.limits import POLL_SECONDS, SessionLimits
from search.coordination.progress import Observer
from search.dispatch import Dispatcher
from search.records import Run, RunReport, RunResult


def gather_results(
    dispatcher: Dispatcher, runs: Sequence[Run], limits: SessionLimits, observer: Observer, purpose: str
) -> Iterator[list[RunResult]]:
    """Have runs trained.

    Args:
        dispatcher: Trains them; nothing else may be on its way.
        runs: What to train.
        limits: What ends the session early: what was begun is finished then, as far as there is time.
        observer: Told of reports and results.
        purpose: What it is for, in words: `the confirmation`.

    Yields:
        The results that came, every half second at least, perhaps none; until all have come, or time is up.

    Raises:
        StorageError: The lock was lost, or the database cannot be asked.
    """
    dispatcher.submit(runs)
    n_open = len(runs)
    while n_open and limits.seconds_left:
        if limits.look():
            observer.note(f"{limits.reached}: what was begun of {purpose} is finished.")
        results = []
        for message in dispatcher.wait(min(POLL_SECONDS, limits.seconds_left)):
            if isinstance(message, RunReport):
                observer.run_reported(message)
            else:
                observer.run_ended(message)
                results.append(message)
        n_open -= len(results)
        yield results
