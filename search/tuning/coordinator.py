"""The coordinator: the one process that asks, tells and writes.

Trial n is asked once trials 0 ... n - window have been told, no more and no fewer, in number order; a result that
comes early is written at once and told when its turn comes. What the sampler knows at each ask then depends on
`window` alone. A crashed study goes on by the same loop: trials that the database already holds are asked as they
were recorded; those that ended are told from the record, those that had not are trained again.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from search.errors import RegsearchError, StudyFailedError
from search.execution import Done, Pool, open_pool
from search.records import BASELINE_TRIAL, Configuration, Run, RunResult, StudyRecord, Trial, TrialState
from search.storage import Storage, StudyLock
from search.training import TrainingPlan, train_run
from search.tuning.books import Books
from search.tuning.entry import enter_study, find_same_study
from search.tuning.history import History
from search.tuning.preparation import PreparedStudy
from search.tuning.progress import Observer, Progress, SilentObserver

_POLL_SECONDS = 0.5
_LOCK_CHECK_SECONDS = 5.0


@dataclass(frozen=True)
class Launch:
    """How to run a study, beyond what its file says.

    Args:
        n_jobs: Worker processes on this machine.
        scheduler: Address of a Dask scheduler to use instead; None for local workers.
        timeout_seconds: Ask no more trials after this long; None for no limit.
    """

    n_jobs: int = 1
    scheduler: str | None = None
    timeout_seconds: float | None = None


Train = Callable[[TrainingPlan, Run], RunResult]


def run_study(
    prepared: PreparedStudy,
    storage: Storage,
    launch: Launch | None = None,
    observer: Observer | None = None,
    train: Train = train_run,
) -> StudyRecord:
    """Launch a study, or go on with it, until its budget is spent.

    Args:
        prepared: The study.
        storage: An open database.
        launch: Workers and limits; default: one worker on this machine.
        observer: Told of every result.
        train: What a worker calls for each run.

    Returns:
        The study's record; its results are in the storage.

    Raises:
        StudyLockedError: Another coordinator holds the study.
        UsageError: The storage holds a study of this name with another file or other data.
        StorageError: The database went away; what was accepted is there.
        StudyFailedError: Every trial failed.
    """
    launch = launch or Launch()
    observer = observer or SilentObserver()
    with storage.hold(prepared.spec.study.name) as lock:
        known = find_same_study(prepared, storage)
        trials = [] if known is None else storage.trials(known.study_id)
        if known is not None:
            storage.clear_stop(known.study_id)  # of an earlier session; one that comes from now on is for this one
        n_ended = sum(trial.state.is_final for trial in trials)
        if known is None or n_ended < max(prepared.n_trials, len(trials)):
            with open_pool(
                train,
                prepared.plan,
                n_workers=launch.n_jobs,
                scheduler=launch.scheduler,
                on_waiting=lambda: observer.note("Waiting for the scheduler's first worker."),
            ) as pool:
                # Only now, so that a study which cannot be trained here leaves nothing behind.
                known = enter_study(prepared, known, storage)
                _Coordinator(prepared, storage, Books(trials, known, storage), pool, lock, launch, observer).run()
        _refuse_failure(known, storage)
        return known


def _refuse_failure(record: StudyRecord, storage: Storage) -> None:
    ended = [trial for trial in storage.trials(record.study_id) if trial.state.is_final]
    if ended and all(trial.score is None for trial in ended):
        count = "its only trial" if len(ended) == 1 else f"all {len(ended)} trials"
        raise StudyFailedError(f"{record.name}: {count} failed; trial {ended[0].number}: {ended[0].error}")


@dataclass
class _Open:
    """A trial that is being trained."""

    awaited: int
    results: list[RunResult] = field(default_factory=list)


class _Coordinator:
    """One session of the loop."""

    def __init__(
        self,
        prepared: PreparedStudy,
        storage: Storage,
        books: Books,
        pool: Pool,
        lock: StudyLock,
        launch: Launch,
        observer: Observer,
    ) -> None:
        study = prepared.spec.study
        self._prepared = prepared
        self._storage = storage
        self._books = books
        self._pool = pool
        self._lock = lock
        self._launch = launch
        self._observer = observer
        self._history = History(prepared.space, study.sampler, study.seed, prepared.direction)
        self._open: dict[int, _Open] = {}
        self._first_with: dict[Configuration, int] = {}
        self._same: dict[int, list[int]] = {}
        self._started = time.monotonic()
        self._next_poll = self._next_lock_check = 0.0
        self._draining = False
        self._new = 0

    def run(self) -> None:
        """Ask, submit, wait, write, tell, until the budget is spent or the study drains."""
        self._observer.started(self._progress(), self._pool.n_workers)
        while True:
            self._look_around()
            while self._may_ask():
                self._ask()
            if not self._open:
                return
            for done in self._pool.wait(_POLL_SECONDS):
                self._take(done)

    def _look_around(self) -> None:
        """Notice a stop request, a spent timeout and a lost lock."""
        now = time.monotonic()
        if now >= self._next_lock_check:
            self._next_lock_check = now + _LOCK_CHECK_SECONDS
            self._lock.check()
        if self._draining or now < self._next_poll:
            return
        self._next_poll = now + _POLL_SECONDS
        limit = self._launch.timeout_seconds
        if limit is not None and now - self._started >= limit:
            self._draining = True
            self._observer.note(f"The timeout of {limit:g} s is spent: {self._left()}")
        elif self._storage.stop_requested(self._books.record.study_id):
            self._draining = True
            self._observer.note(f"Asked to stop: {self._left()}")

    def _left(self) -> str:
        return f"the {len(self._open)} trials already asked are finished, no more are asked."

    def _may_ask(self) -> bool:
        """Whether the next trial's turn has come; tells the history all that it may know by then."""
        number = self._history.asked
        recorded = number in self._books.trials
        if not recorded and (self._draining or number >= self._prepared.n_trials):
            return False
        while self._history.told <= number - self._prepared.spec.study.window:
            oldest = self._books.trials[self._history.told]
            if not oldest.state.is_final:
                return False
            self._history.tell(oldest.state, oldest.score)
        return True

    def _ask(self) -> None:
        number = self._history.asked
        recorded = self._books.trials.get(number)
        space = self._prepared.space
        sampled = self._history.ask(space.sampled(recorded.parameters) if recorded else None)
        configuration = recorded.configuration if recorded else space.configuration(sampled)
        if recorded is None:
            trial = Trial(number, TrialState.RUNNING, configuration, parameters=space.parameters(sampled))
            self._books.start(trial)
        first = self._first_with.setdefault(configuration, number)
        if recorded is not None and recorded.state.is_final:
            return
        if first == number:
            self._submit(number, configuration)
        elif self._books.trials[first].state.is_final:
            self._copy(first, number)
        else:
            self._same.setdefault(first, []).append(number)
            self._open[number] = _Open(awaited=0)

    def _submit(self, number: int, configuration: Configuration) -> None:
        runs = self._prepared.runs(number, configuration)
        self._open[number] = _Open(awaited=len(runs))
        for run in runs:
            self._pool.submit(run)

    def _take(self, done: Done) -> None:
        run: Run = done.item
        if done.error is not None and not done.worker_died:
            # Not the configuration's fault: a worker without a package, say. Trials that run stay as they are, and
            # the next session trains them again.
            raise RegsearchError(
                f"{self._prepared.spec.study.name}: the workers cannot train, received {done.error}. What ended is "
                "stored; mend the workers' installation and run the same command again."
            )
        result = done.value if done.error is None else RunResult(run, score=None, error=done.error)
        self._observer.run_ended(result)
        trial = self._open[run.trial]
        trial.results.append(result)
        if len(trial.results) < trial.awaited:
            return
        results = sorted(trial.results, key=lambda r: (r.run.fold, r.run.repeat))
        error = next((_placed(r) for r in results if r.error is not None), None)
        score = None if error else math.fsum(r.score or 0.0 for r in results) / len(results)
        self._end(run.trial, results, score, error)
        for number in self._same.pop(run.trial, []):
            self._copy(run.trial, number)

    def _copy(self, first: int, number: int) -> None:
        """End a trial whose configuration was trained before: equal seeds would give the equal score."""
        trained = self._books.trials[first]
        self._end(number, [], trained.score, trained.error, same_as=first)

    def _end(
        self,
        number: int,
        results: Sequence[RunResult],
        score: float | None,
        error: str | None,
        same_as: int | None = None,
    ) -> None:
        trial = self._books.finish(number, results, score, error, same_as)
        self._open.pop(number, None)
        self._new += 1
        self._observer.trial_ended(trial, self._progress())

    def _progress(self) -> Progress:
        books = self._books
        baseline = books.trials.get(BASELINE_TRIAL)
        return Progress(
            done=books.n_ended,
            total=max(self._prepared.n_trials, len(books.trials)),
            running=len(self._open),
            failed=books.n_failed,
            new=self._new,
            seconds=time.monotonic() - self._started,
            best=books.best,
            baseline=baseline if baseline is not None and baseline.score is not None else None,
        )


def _placed(result: RunResult) -> str:
    return f"{result.error} (fold {result.run.fold}, seed {result.run.repeat})"
