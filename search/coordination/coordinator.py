"""The coordinator: the one process that asks, tells and writes.

Trials are proposed in number order under the window rule (`Proposals`); their runs go to workers and come back in
whatever order (`Dispatcher`). A crashed study goes on by the same loop: trials that the database already holds are
asked as they were recorded; those that ended are told from the record, those that had not are trained again.

What is noted reaches the database within half a second (`TrialBuffer`). A crash in between costs that half second: the
trials that were lost are asked and trained again, with the same outcome.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass

from search.coordination.entry import enter_study, find_same_study
from search.coordination.equal_configurations import EqualConfigurations
from search.coordination.limits import POLL_SECONDS, SessionLimits
from search.coordination.open_trial import OpenTrial
from search.coordination.progress import Observer, Progress, SilentObserver
from search.coordination.proposals import Proposals
from search.coordination.trial_buffer import TrialBuffer
from search.dispatch import Dispatcher, EngineChoices, Train, open_workers
from search.dispatch.engines import ENGINES_KEY
from search.errors import StorageError, StudyFailedError
from search.execution import Pool
from search.preparation.study import PreparedStudy
from search.records import BASELINE_TRIAL, EngineChoice, RunReport, RunResult, StudyRecord, Trial, TrialState
from search.storage import Storage


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


def run_study(
    prepared: PreparedStudy,
    storage: Storage,
    launch: Launch | None = None,
    observer: Observer | None = None,
    train: Train | None = None,
) -> StudyRecord:
    """Launch a study, or go on with it, until its budget is spent.

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
            with open_workers(
                prepared.plan,
                n_jobs=launch.n_jobs,
                scheduler=launch.scheduler,
                train=train,
                on_waiting=lambda: observer.note("Waiting for the scheduler's first worker."),
            ) as workers:
                # Only now, so that a study which cannot be trained here leaves nothing behind.
                known = enter_study(prepared, known, storage)
                buffer = TrialBuffer(trials, known, storage)
                limits = SessionLimits(lock, storage, known.study_id, launch.timeout_seconds)
                _Coordinator(prepared, storage, buffer, workers, limits, observer).run()
                trials = list(buffer.trials.values())
        _refuse_failure(known, trials)
        return known


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
        buffer: TrialBuffer,
        workers: Pool,
        limits: SessionLimits,
        observer: Observer,
    ) -> None:
        study_id = buffer.record.study_id
        self._prepared = prepared
        self._buffer = buffer
        self._limits = limits
        self._observer = observer
        reports = storage.intermediate_values(study_id) if buffer.trials else {}
        self._proposals = Proposals(prepared, buffer.trials, reports)
        self._dispatcher = _make_dispatcher(prepared, storage, study_id, workers, observer)
        self._equals = EqualConfigurations()
        self._open: dict[int, OpenTrial] = {}
        self._n_new = 0

    def run(self) -> None:
        """Ask, submit, wait, note, tell, until the budget is spent or a limit is reached and what is open has ended."""
        self._observer.started(self._progress(), self._dispatcher.n_workers)
        try:
            self._loop()
        except StorageError:
            raise  # what is not written cannot be written, or must not be any more
        except BaseException:
            with contextlib.suppress(StorageError):
                self._buffer.flush()
            raise
        self._buffer.flush()

    def _loop(self) -> None:
        while True:
            if self._limits.look():
                n_open = len(self._open)
                finished = f"the {n_open} trials already asked are finished, no more are asked"
                self._observer.note(f"{self._limits.reached}: {finished}.")
            while self._may_ask():
                self._ask()
            if not self._open:
                return
            due = self._buffer.seconds_until_due()
            for message in self._dispatcher.wait(POLL_SECONDS if due is None else min(due, POLL_SECONDS)):
                if isinstance(message, RunReport):
                    self._take_report(message)
                else:
                    self._take_result(message)
            if self._buffer.seconds_until_due() == 0:
                self._buffer.flush()

    def _may_ask(self) -> bool:
        """Whether there is a next trial, and its turn has come."""
        number = self._proposals.next_number
        recorded = number in self._buffer.trials
        if not recorded and (self._limits.reached is not None or number >= self._prepared.n_trials):
            return False
        return self._proposals.is_next_due()

    def _ask(self) -> None:
        trial = self._proposals.ask()
        if trial.state.is_final:
            self._equals.add_ended(trial)
            return
        if trial.number not in self._buffer.trials:
            self._buffer.start(trial)
        judge = self._proposals.judge(trial.number)
        runs = self._prepared.runs(trial.number, trial.configuration)
        self._open[trial.number] = OpenTrial(runs, judge, keeps_whole_runs=self._proposals.keeps_whole_runs)
        self._begin(trial.number)

    def _begin(self, number: int) -> None:
        """Have an open trial trained, or end it as one of equal configuration ended."""
        trained = self._equals.join(number, self._buffer.trials[number].configuration)
        if trained == number:
            self._dispatcher.submit(self._open[number].next_runs)
        elif self._buffer.trials[trained].state.is_final:
            self._copy(trained, number)

    def _take_report(self, report: RunReport) -> None:
        """Take what a long run tells on its way."""
        number = report.run.trial
        trial = self._open.get(number)
        if trial is None:
            return
        if trial.report(report):
            self._dispatcher.withdraw(report.run)
        self._buffer.progress(number, trial.progress)
        self._observer.run_reported(report)

    def _take_result(self, result: RunResult) -> None:
        self._observer.run_ended(result)
        number = result.run.trial
        trial = self._open[number]
        trial.add(result)
        if trial.is_over:
            self._end(number, trial)
        elif trial.judge is not None:
            self._dispatcher.submit(trial.next_runs)

    def _end(self, number: int, open_trial: OpenTrial) -> None:
        """End a trial, and with it those that wait for its outcome."""
        if open_trial.judge is not None:
            self._proposals.keep_reports(number, open_trial.judge.intermediate)
        reports = self._proposals.reports_of(number)
        trial = self._close(self._buffer.finish(number, open_trial.outcome, open_trial.results, reports))
        is_theirs = trial.cause is None or not trial.cause.is_transient
        for waiting in self._equals.end(trial):
            if is_theirs:
                self._copy(number, waiting)
            else:
                self._begin(waiting)

    def _copy(self, source: int, number: int) -> None:
        """End a trial whose configuration was trained before: equal seeds would give the equal score."""
        self._proposals.copy_reports(source, number)
        self._close(self._buffer.finish_as(number, source, self._proposals.reports_of(number)))

    def _close(self, trial: Trial) -> Trial:
        del self._open[trial.number]
        self._n_new += 1
        self._observer.trial_ended(trial, self._progress())
        return trial

    def _progress(self) -> Progress:
        buffer = self._buffer
        baseline = buffer.trials.get(BASELINE_TRIAL)
        return Progress(
            done=buffer.n_ended,
            total=max(self._prepared.n_trials, len(buffer.trials)),
            running=len(self._open),
            failed=buffer.n_failed,
            pruned=buffer.n_pruned,
            new=self._n_new,
            seconds=self._limits.seconds,
            best=buffer.best,
            baseline=baseline if baseline is not None and baseline.score is not None else None,
        )


def _make_dispatcher(
    prepared: PreparedStudy, storage: Storage, study_id: int, workers: Pool, observer: Observer
) -> Dispatcher:
    """The dispatcher of a study, which keeps the engines that are chosen in the storage."""
    engines = EngineChoices(prepared.spec, storage.recall(study_id, ENGINES_KEY))
    told: set[str] = set()

    def on_engine(choice: EngineChoice) -> None:
        # Before any run is trained with it: a session that goes on after a crash takes the same one.
        storage.remember(study_id, ENGINES_KEY, engines.to_json())
        if choice.name == "fit" or not told:
            observer.note(f"engine {choice.name}: {choice.reason}")
        told.add(choice.name)

    at_once = 1 if prepared.spec.study.pruner != "none" else prepared.runs_per_trial
    return Dispatcher(
        workers,
        engines,
        most_open_runs=prepared.spec.study.window * at_once,
        name=prepared.spec.study.name,
        on_engine=on_engine,
    )
