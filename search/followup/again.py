"""A study that is stored is read again, and configurations that are no trials are scored beside its choice."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from pathlib import Path

from search.coordination.comparing import Compared, compare_configurations
from search.coordination.confirming import LEAST_REPEATS
from search.coordination.entry import fingerprint_problems
from search.coordination.launching import Launch
from search.coordination.progress import Observer, SilentObserver
from search.dispatch import Train
from search.errors import StudyFailedError, UsageError
from search.fork_server import workers_begun
from search.preparation.preparing import prepare_spec
from search.preparation.study import PreparedStudy
from search.records import Configuration, StudyRecord, Trial
from search.selection import choose_stored, no_score_remedy
from search.spec import StudySpec, spec_from_json
from search.storage import Storage

Watch = Callable[[PreparedStudy], AbstractContextManager[Observer]]
"""What is told how it goes, for the length of a `with` block."""


def watch_silently(prepared: PreparedStudy) -> AbstractContextManager[Observer]:
    """Nobody is told."""
    return contextlib.nullcontext(SilentObserver())


@dataclass(frozen=True)
class Trainers:
    """Who trains, and who is told.

    Args:
        launch: Workers.
        watch: Told how it goes.
        train: What a worker calls for each run, as in `run_study`; None for Keras.
    """

    launch: Launch = field(default_factory=Launch)
    watch: Watch = watch_silently
    train: Train | None = None


@dataclass(frozen=True)
class Question:
    """What is to be found out about the choice of a study.

    Args:
        record: The study's record.
        chosen: The trial that it ends with.
        repeats: Fresh divisions to score on.
    """

    record: StudyRecord
    chosen: Trial
    repeats: int


def ask(storage: Storage, name: str, repeats: int | None) -> Question:
    """What is asked about a study.

    Args:
        storage: An open database.
        name: The study.
        repeats: Fresh divisions; None for as many as its verdict has, and 5 at least.

    Raises:
        UnknownStudyError: There is no such study.
        StudyFailedError: No trial of the study has a score.
    """
    record = storage.study(name)
    trials = storage.trials(record.study_id)
    choice = choose_stored(storage, record, trials)
    if choice.chosen is None:
        remedy = no_score_remedy(name, sum(trial.state.is_final for trial in trials))
        raise StudyFailedError(f"{name}: expected a trial with a score, received none so far. {remedy}")
    confirmed = 0 if choice.verdict is None else choice.verdict.repeats
    return Question(record, choice.chosen, repeats or max(LEAST_REPEATS, confirmed))


def prepare_again(record: StudyRecord, spec: StudySpec | None = None) -> PreparedStudy:
    """A study that is stored, with its data and its model read anew from where they were.

    Args:
        record: Its record.
        spec: The same with another [space]; None for the record's own.

    Raises:
        UsageError: The data, the model, the loss or the metric is not what it was.
        StudyFileError: The space does not suit the model or the data.
        DataError: The data cannot be read.
    """
    folder = Path(record.facts.folder or ".")
    prepared = prepare_spec(spec or spec_from_json(record.spec), folder)
    if problems := fingerprint_problems(record, prepared, f"Put back what the study was begun with in {folder}."):
        raise UsageError(problems)
    return prepared


def compare(
    storage: Storage,
    question: Question,
    configurations: Callable[[PreparedStudy], Sequence[Configuration]],
    trainers: Trainers,
    *,
    purpose: str,
    spec: StudySpec | None = None,
) -> tuple[PreparedStudy, Compared]:
    """Score configurations beside the choice of a study.

    Args:
        storage: An open database.
        question: What is asked.
        configurations: Those that are to be scored; of equal ones the first is.
        trainers: Who trains.
        purpose: What it is for, in words: `the ablation`.
        spec: The study with another [space]; None for its own.

    Returns:
        The study as it was read again, and what came of it.

    Raises:
        RegsearchError: As `prepare_again` and `compare_configurations`.
    """
    launch, record = trainers.launch, question.record
    with workers_begun(launch.n_jobs, launch.scheduler):
        prepared = prepare_again(record, spec)
        unique = list(dict.fromkeys(configurations(prepared)))
        with trainers.watch(prepared) as observer:
            compared = compare_configurations(
                prepared,
                storage,
                record,
                unique,
                question.repeats,
                purpose=purpose,
                launch=replace(launch, command=purpose),
                observer=observer,
                train=trainers.train,
            )
    return prepared, compared
