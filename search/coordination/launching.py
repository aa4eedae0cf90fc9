"""`run_study`: a prepared study is launched, or goes on, until its budget is spent and its choice confirmed."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from search.coordination.advising import keep_advice
from search.coordination.confirming import Confirmation, verdict_settings
from search.coordination.coordinator import Coordinator
from search.coordination.diagnosing import is_plane_due, keep_diagnosis
from search.coordination.entry import enter_study, find_same_study
from search.coordination.limits import SessionLimits
from search.coordination.looking import is_look_due, look_at_sealed_rows
from search.coordination.noting import keep_note, noted_session
from search.coordination.phases import keep_phase
from search.coordination.progress import Observer, SilentObserver, engine_notes
from search.coordination.proposals import Proposals
from search.coordination.trial_buffer import TrialBuffer
from search.coordination.widening import with_notes_on_ranges
from search.coordination.write_behind import Attempts, recover_spool
from search.dispatch import Dispatcher, EngineChoices, Train, open_workers
from search.dispatch.engines import ENGINES_KEY
from search.dispatch.hanging import Hanging
from search.errors import StudyFailedError
from search.execution import Cluster, Pool
from search.preparation.study import PreparedStudy
from search.records import StudyRecord, Trial, TrialState
from search.selection import choose_stored, find_undecided, pick_finalists
from search.storage import BEGUN_AS_KEY, Patience, Storage

_DIAGNOSING = "finding out what the baseline and the choice say of single rows"


@dataclass(frozen=True)
class Launch:
    """How to run a study, beyond what its file says.

    Args:
        n_jobs: Worker processes on this machine; 0 trains in a thread of this process.
        scheduler: Address of a Dask scheduler to use instead, or a Dask cluster; None for local workers.
        timeout_seconds: Ask no more trials after this long, and withdraw those that do not end soon after; the next
            launch goes on with them. None for no limit.
        look_again: Whether the sealed rows are looked at though they were before; that counts, and is shown.
        command: What the user asked for; it stands beside each look at the sealed rows.
        storage_timeout_seconds: How long a database that goes away is waited for; training goes on meanwhile. 0 ends
            the session at once.
    """

    n_jobs: int = 1
    scheduler: str | Cluster | None = None
    timeout_seconds: float | None = None
    look_again: bool = False
    command: str = "run"
    storage_timeout_seconds: float = 3600.0


def run_study(
    prepared: PreparedStudy,
    storage: Storage,
    launch: Launch | None = None,
    observer: Observer | None = None,
    train: Train | None = None,
) -> StudyRecord:
    """Launch a study, or go on with it, until its budget is spent and its finalists are confirmed.

    Args:
        prepared: The study.
        storage: An open database.
        launch: Workers and limits; default: one worker on this machine.
        observer: Told of every result.
        train: What a worker calls for each run, as `train(plan, run, report)`; default: it is trained with Keras.

    Returns:
        The study's record; its results are in the storage.

    Raises:
        StudyLockedError: Another coordinator holds the study.
        UsageError: The storage holds a study of this name with another file or other data.
        StorageError: The database went away for longer than it is waited for; what was accepted is there, or in a
            file beside the study, except for the last half second's.
        StudyFailedError: Every trial failed.
    """
    launch = launch or Launch()
    observer = observer or SilentObserver()
    with storage.hold(prepared.spec.study.name, Patience(launch.storage_timeout_seconds, observer.note)) as lock:
        told = prepared.notes
        prepared, known = find_same_study(prepared, storage)
        if known is not None:
            recover_spool(storage, known, observer)
        trials = [] if known is None else storage.trials(known.study_id)
        if known is not None:
            prepared = with_notes_on_ranges(prepared, known, storage, len(trials))
            storage.clear_stop(known.study_id)  # of an earlier session; one that comes from now on is for this one
        for note in prepared.notes:
            if note not in told:
                observer.note(f"note: {note}")
        if known is None or _is_open(prepared, storage, known, trials, launch):
            with launched_workers(prepared, launch, observer, train) as workers:
                # Only now, so that a study which cannot be trained here leaves nothing behind.
                known = enter_study(prepared, known, storage, len(trials))
                limits = SessionLimits(lock, storage, known.study_id, launch.timeout_seconds)
                with noted_session(storage, known, trials):
                    trials = _search_and_confirm(prepared, known, trials, storage, workers, limits, observer, launch)
        else:
            keep_note(storage, known, trials)  # an earlier version wrote none
            _make_buffer(prepared, known, trials, storage).flush_all()  # predictions that a crash left beyond the bound
        _refuse_failure(known, trials)
        if _is_ended(prepared, trials):
            if _is_confirmed(prepared, storage, known, trials):
                keep_diagnosis(prepared, known, storage, trials)
            keep_advice(storage, known, trials)
        return known


def _search_and_confirm(
    prepared: PreparedStudy,
    record: StudyRecord,
    trials: Sequence[Trial],
    storage: Storage,
    workers: Pool,
    limits: SessionLimits,
    observer: Observer,
    launch: Launch,
) -> list[Trial]:
    """All that is trained of a study, as far as the session's limits go; its trials."""
    buffer = _make_buffer(prepared, record, trials, storage)
    reports, begun_as = storage.intermediate_values(record.study_id), storage.recall(record.study_id, BEGUN_AS_KEY)
    proposals = Proposals(prepared, buffer.trials, reports, begun_as)
    dispatcher = make_dispatcher(prepared, record, storage, workers, observer)
    Coordinator(prepared, proposals, dispatcher, buffer, limits, observer).run()
    ended = list(buffer.trials.values())
    if not _is_ended(prepared, ended) or limits.reached is not None:
        return ended
    if not _is_confirmed(prepared, storage, record, ended):
        Confirmation(prepared, record, ended, storage, dispatcher, limits, observer).run()
    choice = choose_stored(storage, record, ended)
    if is_look_due(prepared, storage.looks(record.study_id), choice, again=launch.look_again):
        look_at_sealed_rows(prepared, record, storage, dispatcher, limits, observer, choice, ended, launch.command)
    if _is_confirmed(prepared, storage, record, ended):
        observer.began(_DIAGNOSING)
        keep_phase(storage, record.study_id, _DIAGNOSING)
        keep_diagnosis(prepared, record, storage, ended, dispatcher, limits.look)
    return ended


def _make_buffer(
    prepared: PreparedStudy, record: StudyRecord, trials: Sequence[Trial], storage: Storage
) -> TrialBuffer:
    return TrialBuffer(trials, record, storage, prepared.spec.confirm.keep_predictions_mib * 2**20)


@contextmanager
def launched_workers(
    prepared: PreparedStudy, launch: Launch, observer: Observer, train: Train | None = None
) -> Iterator[Pool]:
    """The workers of a launch, for the length of a `with` block; arguments and errors as in `run_study`."""
    with open_workers(
        prepared.plan,
        n_jobs=launch.n_jobs,
        scheduler=launch.scheduler,
        train=train,
        note=observer.note,
    ) as workers:
        yield workers


def make_dispatcher(
    prepared: PreparedStudy, record: StudyRecord, storage: Storage, workers: Pool, observer: Observer
) -> Dispatcher:
    """What trains runs of a study, each architecture by the engine that the storage keeps for it."""
    attempts = Attempts(storage)
    remember = functools.partial(storage.remember, record.study_id, ENGINES_KEY)
    engines = EngineChoices(
        prepared.spec,
        recorded=storage.recall(record.study_id, ENGINES_KEY),
        keep=lambda choices: attempts.attempt(functools.partial(remember, choices)),
        size_of=prepared.products,
    )
    return Dispatcher(
        workers,
        engines,
        most_open_runs=prepared.most_open_runs,
        name=record.name,
        hanging=Hanging(prepared.spec.training.run_timeout_seconds),
        note=observer.note,
        on_engine=engine_notes(observer),
    )


def _is_open(
    prepared: PreparedStudy, storage: Storage, known: StudyRecord, trials: list[Trial], launch: Launch
) -> bool:
    """Whether anything is left to be trained."""
    if not _is_ended(prepared, trials) or not _is_confirmed(prepared, storage, known, trials):
        return True
    choice = choose_stored(storage, known, trials)
    if is_look_due(prepared, storage.looks(known.study_id), choice, again=launch.look_again):
        return True
    return is_plane_due(prepared, known, storage, trials)


def _is_ended(prepared: PreparedStudy, trials: list[Trial]) -> bool:
    """Whether the search has spent its budget."""
    return sum(trial.state.is_final for trial in trials) >= max(prepared.n_trials, len(trials))


def _is_confirmed(prepared: PreparedStudy, storage: Storage, known: StudyRecord, trials: list[Trial]) -> bool:
    """Whether there is nothing to be confirmed: none is asked for, nothing can be compared, or it was done."""
    asked = prepared.spec.confirm
    if not pick_finalists(trials, prepared.direction, asked.finalists):
        return True
    verdict, settings = choose_stored(storage, known, trials).verdict, verdict_settings(asked)
    if verdict is not None:
        return verdict.asked == settings
    return find_undecided(storage, known, trials, settings) is not None


def _refuse_failure(record: StudyRecord, trials: list[Trial]) -> None:
    ended = [trial for trial in trials if trial.state.is_final]
    if ended and all(trial.state is TrialState.FAIL for trial in ended):
        count = "its only trial" if len(ended) == 1 else f"all {len(ended)} trials"
        raise StudyFailedError(f"{record.name}: {count} failed; trial {ended[0].number}: {ended[0].error}")
