"""Runs that are no part of the search are had trained, and their results gathered."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from search.coordination.limits import POLL_SECONDS, SessionLimits
from search.coordination.progress import Observer
from search.dispatch import Dispatcher
from search.records import Run, RunReport, RunResult


def gather_results(
    dispatcher: Dispatcher, runs: Sequence[Run], limits: SessionLimits, observer: Observer, purpose: str
) -> Iterator[RunResult | None]:
    """Have runs trained.

    Args:
        dispatcher: Trains them; nothing else may be on its way.
        runs: What to train.
        limits: What ends the session early: what was begun is finished then, as far as there is time.
        observer: Told of reports and results.
        purpose: What it is for, in words: `the confirmation`.

    Yields:
        Each result as it comes, and None every half second at least, so that whoever gathers can do what is due; until
        all have come, or time is up.

    Raises:
        StorageError: The lock was lost, or the database cannot be asked.
    """
    dispatcher.submit(runs)
    n_open = len(runs)
    while n_open:
        if limits.look():
            observer.note(_words_on_limit(limits, purpose))
        patience = min(POLL_SECONDS, limits.seconds_left)
        for message in dispatcher.wait(patience):
            if isinstance(message, RunReport):
                observer.run_reported(message)
            else:
                observer.run_ended(message)
                n_open -= 1
                yield message
        yield None
        if not patience and limits.reached is not None:  # what had come by then was taken, and the limit told
            return


def _words_on_limit(limits: SessionLimits, purpose: str) -> str:
    if limits.is_timed_out:
        return f"{limits.reached}: runs of {purpose} that are on their way have {limits.grace_seconds:.2g} s to end."
    return f"{limits.reached}: what was begun of {purpose} is finished."
