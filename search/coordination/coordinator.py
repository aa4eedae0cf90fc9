"""The coordinator: the one process that asks, tells and writes.

Trial n is asked once trials 0 ... n - window have been told, no more and no fewer, in number order; a result that
comes early is noted at once and told when its turn comes. What the sampler knows at each ask then depends on
`window` alone. A crashed study goes on by the same loop: trials that the database already holds are asked as they
were recorded; those that ended are told from the record, those that had not are trained again.

What is noted reaches the database within half a second (`TrialBuffer`). A crash in between costs that half second: the
trials that were lost are asked and trained again, with the same outcome.
"""

from __future__ import annotations

import contextlib
import functools
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NoReturn

from search.coordination.entry import enter_study, find_same_study
from search.coordination.open_trial import OpenTrial
from search.coordination.progress import Observer, Progress, SilentObserver
from search.coordination.trial_buffer import TrialBuffer
from search.dispatch.engines import ENGINES_KEY, Architecture, EngineChoices, architecture_of
from search.errors import RegsearchError, StorageError, StudyFailedError
from search.execution import Done, Pool, Reported, open_pool
from search.preparation.study import PreparedStudy
from search.records import (
    BASELINE_TRIAL,
    Configuration,
    EngineChoice,
    Run,
    RunReport,
    RunResult,
    StudyRecord,
    Trial,
    TrialState,
)
from search.storage import Storage, StudyLock
from search.training import Report, TrainingPlan, calibrate, start_tensorflow, train_run
from search.tuning.history import History
from search.tuning.pruners import Judge, PruningRule, make_pruner

_POLL_SECONDS = 0.5
_LOCK_CHECK_SECONDS = 5.0
_TASK_SECONDS = 0.25
"""Runs of one trial go to a worker together while they take less than this: each trip costs some milliseconds."""


@dataclass(frozen=True)
class Launch:
    """How to run a study, beyond what its file says.

    Args:
        n_jobs: Worker processes on this machine; 0 trains in a thread of this process.
        scheduler: Address of a Dask scheduler to use instead; None for local workers.
        timeout_seconds: Ask no more trials after this long; None for no limit.
    """

    n_jobs: int = 1
    scheduler: str | None = None
    timeout_seconds: float | None = None


Train = Callable[[TrainingPlan, Run, Report], RunResult]


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
        StorageError: The database went away; what was accepted is there, except for the last half second's.
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
                functools.partial(train_each, train),
                prepared.plan,
                n_workers=launch.n_jobs,
                scheduler=launch.scheduler,
                on_waiting=lambda: observer.note("Waiting for the scheduler's first worker."),
                warm_up=start_tensorflow if train is train_run else None,
            ) as pool:
                # Only now, so that a study which cannot be trained here leaves nothing behind.
                known = enter_study(prepared, known, storage)
                books = TrialBuffer(trials, known, storage)
                _Coordinator(prepared, storage, books, pool, lock, launch, observer).run()
                trials = list(books.trials.values())
        _refuse_failure(known, trials)
        return known


def train_each(train: Train, plan: TrainingPlan, runs: tuple[Run, ...], report: Report) -> tuple[RunResult, ...]:
    """Train several runs on one worker, one after the other."""
    return tuple(train(plan, run, report) for run in runs)


def _refuse_failure(record: StudyRecord, trials: list[Trial]) -> None:
    ended = [trial for trial in trials if trial.state.is_final]
    if ended and all(trial.state is TrialState.FAIL for trial in ended):
        count = "its only trial" if len(ended) == 1 else f"all {len(ended)} trials"
        raise StudyFailedError(f"{record.name}: {count} failed; trial {ended[0].number}: {ended[0].error}")


class _Coordinator:
    """One session of the loop."""

    def __init__(
        self,
        prepared: PreparedStudy,
        storage: Storage,
        books: TrialBuffer,
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
        self._rule = PruningRule(study.pruner, prepared.runs_per_trial, prepared.most_epochs)
        self._history = History(
            prepared.space,
            study.sampler,
            study.seed,
            prepared.direction,
            pruner=make_pruner(self._rule),
            study_name=study.name,
        )
        study_id = books.record.study_id
        self._engines = EngineChoices(prepared.spec, storage.recall(study_id, ENGINES_KEY))
        # What ended trials reported, and those of them that the history was not told of while they ran.
        self._reports = storage.intermediate_values(study_id) if self._prunes and books.trials else {}
        self._unreported = set(self._reports)
        self._open: dict[int, OpenTrial] = {}
        self._uncalibrated: defaultdict[Architecture, list[int]] = defaultdict(list)
        self._first_with: dict[Configuration, int] = {}
        self._same: dict[int, list[int]] = {}
        self._run_seconds: float | None = None
        self._told_engine = False
        self._started = time.monotonic()
        self._next_poll = self._next_lock_check = 0.0
        self._draining = False
        self._new = 0

    def run(self) -> None:
        """Ask, submit, wait, note, tell, until the budget is spent or the study drains."""
        self._observer.started(self._progress(), self._pool.n_workers)
        try:
            self._loop()
        except StorageError:
            raise  # what is not written cannot be written, or must not be any more
        except BaseException:
            with contextlib.suppress(StorageError):
                self._books.flush()
            raise
        self._books.flush()

    def _loop(self) -> None:
        while True:
            self._look_around()
            while self._may_ask():
                self._ask()
            if not self._open:
                return
            due = self._books.seconds_until_due()
            for message in self._pool.wait(_POLL_SECONDS if due is None else min(due, _POLL_SECONDS)):
                if isinstance(message, Reported):
                    self._hear(message.item, message.message)
                elif isinstance(message.item, Run):
                    self._calibrated(message)
                else:
                    self._take(message)
            if self._books.seconds_until_due() == 0:
                self._books.flush()

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
            if oldest.number in self._unreported:
                self._history.restore(oldest.number, self._reports.get(oldest.number, {}))
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
        self._unreported.discard(number)  # what an interrupted attempt reported is reported anew
        self._open[number] = self._opened(number, configuration)
        if first == number:
            self._train(number)
        elif self._books.trials[first].state.is_final:
            self._copy(first, number)
        else:
            self._same.setdefault(first, []).append(number)

    def _opened(self, number: int, configuration: Configuration) -> OpenTrial:
        judge = Judge(self._history, number, self._rule) if self._prunes else None
        runs = self._prepared.runs(number, configuration)
        return OpenTrial(runs, judge, keeps_whole_runs=self._rule.pruner == "wilcoxon")

    @property
    def _prunes(self) -> bool:
        return self._rule.pruner != "none"

    def _train(self, number: int) -> None:
        """Submit a trial's runs, or have its architecture calibrated before."""
        trial = self._open[number]
        configuration = trial.runs[0].configuration
        engine = self._engines.get(configuration)
        if engine is not None:
            trial.assign(engine)
            self._submit(trial)
            return
        waiting = self._uncalibrated[architecture_of(configuration)]
        waiting.append(number)
        if len(waiting) == 1:
            self._pool.submit(trial.runs[0], calibrate)

    def _calibrated(self, done: Done) -> None:
        """Take the engine of an architecture, and submit what has waited for it."""
        run: Run = done.item
        if done.worker_died:
            choice = EngineChoice("fit", f"calibration failed ({done.error})")
        else:
            choice = done.value if done.error is None else self._refuse_workers(done.error)
        self._engines.learn(run.configuration, choice)
        # Before any run is trained with it: a session that goes on after a crash takes the same one.
        self._storage.remember(self._books.record.study_id, ENGINES_KEY, self._engines.to_json())
        if choice.name == "fit" or not self._told_engine:
            self._told_engine = True
            self._observer.note(f"engine {choice.name}: {choice.reason}")
        for number in self._uncalibrated.pop(architecture_of(run.configuration)):
            self._train(number)

    def _submit(self, trial: OpenTrial) -> None:
        runs, size = trial.to_submit, self._runs_per_task()
        for first in range(0, len(runs), size):
            self._pool.submit(runs[first : first + size])

    def _runs_per_task(self) -> int:
        """How many runs of a trial go to a worker together: as many as make up a quarter of a second."""
        if self._run_seconds is None or self._prepared.spec.study.window < self._launch.n_jobs:
            return 1
        return max(1, int(_TASK_SECONDS / max(self._run_seconds, 1e-3)))

    def _hear(self, item: tuple[Run, ...], report: RunReport) -> None:
        """Take what a long run tells on its way."""
        number = report.run.trial
        trial = self._open.get(number)
        if trial is None:
            return
        if trial.report(report):
            self._pool.withdraw(item)
        self._books.progress(number, trial.progress)
        self._observer.run_reported(report)

    def _take(self, done: Done) -> None:
        runs: tuple[Run, ...] = done.item
        if done.worker_died and len(runs) > 1:
            for run in runs:  # one of them may have been its worker's death: not the others'
                self._pool.submit((run,))
            return
        if done.error is not None and not done.worker_died:
            self._refuse_workers(done.error)
        if done.withdrawn and done.value is None:  # its worker did not end in time, or died
            results = [self._open[run.trial].unheard(run) for run in runs]
        elif done.error is not None:
            results = [RunResult(run, score=None, error=done.error) for run in runs]
        else:
            results = done.value
        for result in results:
            self._note_seconds(result.seconds)
            self._observer.run_ended(result)
            self._open[result.run.trial].add(result)
        number = runs[0].trial
        trial = self._open[number]
        if trial.is_over:
            self._end(number, trial)
        elif trial.judge is not None:
            self._submit(trial)

    def _refuse_workers(self, error: str) -> NoReturn:
        # Not the configuration's fault: a worker without a package, say. Trials that run stay as they are, and
        # the next session trains them again.
        raise RegsearchError(
            f"{self._prepared.spec.study.name}: the workers cannot train, received {error}. What ended is "
            "stored; mend the workers' installation and run the same command again."
        )

    def _note_seconds(self, seconds: float) -> None:
        self._run_seconds = seconds if self._run_seconds is None else 0.8 * self._run_seconds + 0.2 * seconds

    def _end(self, number: int, trial: OpenTrial) -> None:
        """End a trial, and with it those that wait for its outcome."""
        if trial.pruned_epoch is not None:
            state = TrialState.PRUNED
        else:
            state = TrialState.COMPLETE if trial.error is None else TrialState.FAIL
        if trial.judge is not None:
            self._reports[number] = trial.judge.intermediate
        self._close(number, state, trial.results, trial.score, trial.error)
        for same in self._same.pop(number, []):
            self._copy(number, same)

    def _copy(self, first: int, number: int) -> None:
        """End a trial whose configuration was trained before: equal seeds would give the equal score."""
        trained = self._books.trials[first]
        if self._prunes:
            self._reports[number] = self._reports.get(first, {})
            self._unreported.add(number)
        self._close(number, trained.state, (), trained.score, trained.error, same_as=first)

    def _close(
        self,
        number: int,
        state: TrialState,
        results: Sequence[RunResult],
        score: float | None,
        error: str | None,
        *,
        same_as: int | None = None,
    ) -> None:
        trial = self._books.finish(number, state, results, score, error, same_as, self._reports.get(number))
        del self._open[number]
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
            pruned=books.n_pruned,
            new=self._new,
            seconds=time.monotonic() - self._started,
            best=books.best,
            baseline=baseline if baseline is not None and baseline.score is not None else None,
        )
