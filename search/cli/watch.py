"""`regsearch watch`: what `regsearch run` shows, from another shell."""

from __future__ import annotations

import contextlib
import itertools
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from search.cli._options import name_argument, opened, storage_option
from search.cli._render import count_of, print_lines, say
from search.records.wording import best_in_words, describe_configuration, show_value

if TYPE_CHECKING:
    from search.records import StudyRecord, Trial
    from search.reporting.watching import Observed, Watch
    from search.storage import Storage

_MOST_NEWEST = 3
_SECONDS_BETWEEN_TRIES = 0.5
_SECONDS_OF_SILENCE = 10.0  # after which a confirmation that goes on is worth a line
_MOST_MISSED_SECONDS = 60.0
"""For which a database that cannot be reached is tried again."""


@click.command(epilog="Example: regsearch watch moons --interval 5")
@name_argument
@storage_option
@click.option(
    "--wait",
    type=click.FloatRange(0, 86400),
    default=30.0,
    show_default=True,
    metavar="SECONDS",
    help="How long a study that is not there yet is waited for.",
)
@click.option(
    "--interval",
    type=click.FloatRange(0.1, 3600),
    default=1.0,
    show_default=True,
    metavar="SECONDS",
    help="Time between two looks at the database.",
)
def watch(name: str, url: str | None, wait: float, interval: float) -> None:
    """Watch a study that runs in another shell, until it ends or Ctrl-C.

    It only reads, and the run is not disturbed. On a terminal one picture is kept up to date; elsewhere each trial is
    a line.
    """
    from search.cli._view import can_redraw

    with _begun(url, name, wait) as (storage, watched):
        looks = _looks(watched, interval)
        first = next(looks)
        if first is not None and first.is_over:
            last = first
        else:
            last = (_show if can_redraw() else _tell)(watched.study, itertools.chain([first], looks))
        lines = list(_ending(watched.study, last, storage))
    for line in lines:
        print_lines(line, hanging=5)


@contextlib.contextmanager
def _begun(url: str | None, name: str, seconds: float) -> Iterator[tuple[Storage, Watch]]:
    """The study, which is waited for: who starts `run` in another shell may be ahead of it by the loading of Keras.

    Raises:
        UnknownStudyError, MissingStorageError: It was not begun in time.
    """
    from search.errors import MissingStorageError, UnknownStudyError
    from search.reporting.watching import Watch

    deadline, waits = time.monotonic() + seconds, False
    while True:
        with contextlib.ExitStack() as stack:
            try:
                storage = stack.enter_context(opened(url, warn=not waits))
                watched = Watch(storage, name)
            except (UnknownStudyError, MissingStorageError):
                if time.monotonic() >= deadline:
                    raise
            else:
                yield storage, watched
                return
        if not waits:
            say(f"Waiting for {name} to begin, {seconds:g} s at most.")
            waits = True
        time.sleep(_SECONDS_BETWEEN_TRIES)


def _looks(watched: Watch, interval: float) -> Iterator[Observed | None]:
    """One look after the other until nobody runs the study; None in the place of one that came to nothing.

    Raises:
        StorageError: The database could not be reached for a minute, or cannot be read.
    """
    from search.errors import TransientStorageError

    seen = time.monotonic()
    while True:
        try:
            observed = watched.look()
        except TransientStorageError:
            if time.monotonic() - seen > _MOST_MISSED_SECONDS:
                raise
            yield None
        else:
            seen = time.monotonic()
            yield observed
            if observed.is_over:
                return
        time.sleep(interval)


def _tell(study: StudyRecord, looks: Iterator[Observed | None]) -> Observed:
    """A line for each trial that ended and for each change of state; what ended before the first look is one line."""
    last: Observed | None = None
    told_at = time.monotonic()
    for observed in looks:
        if observed is None:
            continue
        lines = list(_opening(study, observed) if last is None else _changes(study, last, observed))
        if observed.n_confirming and not observed.is_over and time.monotonic() - told_at >= _SECONDS_OF_SILENCE:
            lines.append(observed.phase or f"confirming: {count_of(observed.n_confirming, 'run')} ended")
        for line in lines:
            print_lines(line)
        told_at = time.monotonic() if lines else told_at
        last = observed
    assert last is not None
    return last


def _opening(study: StudyRecord, observed: Observed) -> Iterator[str]:
    if observed.holder is not None:
        yield f"{study.name}: {observed.state}, {observed.n_ended} of {observed.n_trials} trials ended"
        if observed.best is not None:
            yield f"best {best_in_words(observed.best, observed.baseline, study.metric, study.direction)}"


def _changes(study: StudyRecord, last: Observed, observed: Observed) -> Iterator[str]:
    for done, trial in enumerate(observed.ended, start=observed.n_ended - len(observed.ended) + 1):
        yield f"[{done}/{observed.n_trials}] trial {trial.number}: {_outcome(study, trial)}"
    if observed.best is not None and (last.best is None or last.best.number != observed.best.number):
        time_left = observed.time_in_words()
        yield f"best {best_in_words(observed.best, observed.baseline, study.metric, study.direction)}" + (
            f"; {time_left}" if time_left else ""
        )
    if observed.state != last.state and observed.holder is not None:
        yield f"{study.name}: {observed.state}"
    if observed.phase.partition(":")[0] != last.phase.partition(":")[0] and observed.phase:
        yield observed.phase


def _show(study: StudyRecord, looks: Iterator[Observed | None]) -> Observed:
    """One picture, kept up to date."""
    from search.cli._view import NARROW, Sight, View, live

    view = View(study.metric, study.direction, study.facts, Sight(0, study.n_trials))
    last: Observed | None = None
    newest: deque[Trial] = deque(maxlen=_MOST_NEWEST)
    with live(view) as shown:
        for observed in looks:
            if observed is None:
                view.sight = replace(view.sight, phase="the database cannot be reached now; trying again")
                continue
            last = observed
            for trial in observed.ended:
                view.way.add(trial.score)
            newest.extend(observed.ended)
            latest = list(newest)[-1:] if shown.console.width < NARROW else newest
            view.sight = Sight(
                min(observed.n_ended, observed.n_trials),
                observed.n_trials,
                observed.time_in_words(),
                _phase(study, observed),
                observed.best,
                observed.baseline,
                [
                    *((f"trial {trial.number}", _outcome(study, trial)) for trial in latest),
                    *([(None, lost)] if (lost := observed.losses_in_words()) else []),
                ],
            )
    assert last is not None
    return last


def _phase(study: StudyRecord, observed: Observed) -> str:
    """What is being done, and by how many."""
    words = [f"{study.name}: {observed.state}"]
    if observed.n_running:
        words.append(f"{count_of(observed.n_running, 'trial')} in training")
    elif observed.n_ended >= observed.n_trials and not observed.phase:
        words.append("all trials ended")
    if observed.phase:
        words.append(observed.phase)
    elif observed.n_confirming:
        words.append(f"{count_of(observed.n_confirming, 'run')} of the confirmation ended")
    if observed.n_workers:
        words.append(f"{count_of(observed.n_workers, 'worker')} so far")
    return ", ".join(words)


def _outcome(study: StudyRecord, trial: Trial) -> str:
    outcome = trial.error or (trial.state.value.lower() if trial.score is None else show_value(trial.score))
    return f"{outcome}, {describe_configuration(trial.configuration, study.facts)}"


def _ending(study: StudyRecord, last: Observed, storage: Storage) -> Iterator[str]:
    """How it stands now that nobody runs it: what it came to, or what to type to go on."""
    from search.reporting.sentences import sentences_on
    from search.reporting.summaries import summarize_best

    yield f"{study.name}: {last.state}, {last.n_ended} of {last.n_trials} trials ended"
    if last.best is not None:
        yield f"best {best_in_words(last.best, last.baseline, study.metric, study.direction)}"
        yield f"     {describe_configuration(last.best.configuration, study.facts)}"
    if last.state == "finished":
        found = summarize_best(storage, study.name)
        if found.choice.verdict is not None:
            yield sentences_on(found)[0]  # the verdict's first, for people who read no further
        yield f"Next: regsearch best {study.name}"
    else:
        yield "Nobody runs it now; `regsearch run` with the same study file goes on."
